"""The benchmark of a train step works: on a GPU there is no time to find out."""

import csv
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from PIL import Image

from tests.benchmarks import our_step
from tests.benchmarks.device_peaks import peak_of, share_of_peak
from tests.benchmarks.our_step import Losses
from tests.benchmarks.programs import flops
from tests.benchmarks.training_speed import differences_from_fp32, main
from vsearch.models.architectures import NetworkSpec
from vsearch.models.classifier import abstract_classifier, abstract_trunk

TINY = ["--backbone", "resnet-small", "--size", "32", "--batch", "8", "--steps", "2"]


def test_the_table_and_the_losses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "figures.json"
    options = ["--precisions", "fp32,bf16", "--loss-steps", "3", "--torch", "--json", str(path)]
    report = main([*TINY, *options])
    assert json.loads(path.read_text()) == report
    rows = {(row["name"], row["precision"]): row for row in report["rows"]}
    assert list(rows) == [("ours", "fp32"), ("ours", "bf16"), ("ours, with crops", "fp32")]
    for row in rows.values():
        assert row["photos_per_second"] > 0
        assert row["milliseconds_per_step"] == pytest.approx(8000 / row["photos_per_second"])
        assert row["share_of_peak"] is None  # of a CPU nobody publishes one
        assert len(row["losses"]) == 3
    full, lower = rows["ours", "fp32"], rows["ours", "bf16"]
    assert full["flops_per_photo"] == lower["flops_per_photo"]
    assert full["losses"] != lower["losses"] == pytest.approx(full["losses"], rel=0.05)
    assert 0 < report["greatest_relative_difference_of_loss"]["bf16"] < 0.05
    printed = capsys.readouterr().out
    assert "unknown" in printed
    assert "PyTorch was not measured: the peer is a resnet-50" in printed
    assert "bf16 differs from fp32 by at most" in printed


def test_an_unknown_precision_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--precisions", "fp8"])
    assert "no precision ['fp8']; there are ['fp32', 'bf16', 'fp16']" in capsys.readouterr().err


# Published: torchvision's table of weights says 4.09 and 1.81 billion multiplications at 224 px,
# of which the ImageNet classifier, which is not in the trunk, has .002 and .0005.
@pytest.mark.parametrize(("backbone", "published"), [("resnet-50", 4.09), ("resnet-18", 1.81)])
def test_operations_are_counted_as_others_count_them(backbone: str, published: float) -> None:
    trunk = abstract_trunk(NetworkSpec(backbone))
    trunk.eval()  # type: ignore[no-untyped-call]
    graph, state = nnx.split(trunk)
    photo = jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.uint8)

    def forward(state: nnx.State[Any, Any], photo: jax.Array) -> jax.Array:
        return nnx.merge(graph, state)(photo)

    once = flops(forward, state, photo)
    assert once / 2e9 == pytest.approx(published, abs=0.006)
    whole = flops(jax.grad(lambda *given: forward(*given).sum()), state, photo)
    # Backward twice as many, but none for the first convolution's input.
    assert whole / once == pytest.approx(3, abs=0.1)


def test_the_share_of_the_peak() -> None:
    assert peak_of("NVIDIA H100 80GB HBM3", "bf16") == 989.4
    assert peak_of("NVIDIA H100 PCIe", "fp32") == 378
    assert peak_of("NVIDIA A100-SXM4-80GB", "fp16") == 312
    assert peak_of("NVIDIA L40S", "bf16") == 362
    assert peak_of("Tesla T4", "bf16") is peak_of("cpu", "fp32") is None
    assert share_of_peak(1000, 24.6e9, "NVIDIA H200", "bf16") == pytest.approx(24.6 / 989.4)


def test_the_difference_of_losses_leaves_skipped_steps_out() -> None:
    curves: dict[str, Losses] = {"fp16": [2.0, None, 1.1], "fp32": [2.0, 5.0, 1.0]}
    assert differences_from_fp32(curves) == {"fp16": pytest.approx(0.1)}
    assert differences_from_fp32({"bf16": [1.0]}) == {}


def test_photos_of_a_label_have_something_in_common() -> None:
    setting = our_step.Setting(batch=64, labels=3)
    first, second, *_ = our_step.synthetic_batches(setting, 16)
    assert first[0].shape == (64, 16, 16, 3)
    assert first[0].dtype == jnp.uint8
    assert not np.array_equal(first[0], second[0])
    means = [
        np.asarray(photos)[np.asarray(targets)[:, 0] == 1].mean(0)
        for photos, targets in (first, second)
    ]
    others = np.asarray(first[0])[np.asarray(first[1])[:, 1] == 1].mean(0)
    assert np.corrcoef(means[0].ravel(), means[1].ravel())[0, 1] > 0.6
    assert np.corrcoef(means[0].ravel(), others.ravel())[0, 1] < 0.4


def test_the_peer_has_as_many_weights() -> None:
    reason = "the peer in PyTorch is measured only where torch is"
    torch_step = pytest.importorskip("tests.benchmarks.torch_step", reason=reason)
    peer = torch_step.network_of(labels=10, dim=16)
    ours = abstract_classifier(NetworkSpec("resnet-50", 16), 10, our_step.OBJECTIVE)
    count = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(ours, nnx.Param)))
    assert sum(weights.numel() for weights in peer.parameters()) == count


def write_photos(folder: Path) -> None:
    """Write two items with a catalogue photo and photos of three splits."""
    rows = []
    for label, colour in enumerate(((200, 40, 40), (40, 60, 200))):
        for split, count in (("catalogue", 1), ("train", 4), ("val", 2), ("test", 3)):
            for index in range(count):
                rng = np.random.default_rng((label, index, len(split)))
                pixels = np.clip(np.array(colour) + rng.normal(0, 20, (40, 40, 3)), 0, 255)
                name = f"{split}-{label}-{index}.png"
                Image.fromarray(pixels.astype(np.uint8)).save(folder / name)
                rows.append({"image_path": name, "split": split, "item_id": f"item-{label}"})
    for name in ("catalogue.csv", "images.csv"):
        with (folder / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, ["image_path", "split", "item_id"])
            writer.writeheader()
            chosen = name == "catalogue.csv"
            writer.writerows(row for row in rows if (row["split"] == "catalogue") == chosen)


def test_fine_tuning_tells_top_1_of_the_split(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_photos(tmp_path)
    tuning = ["--finetune", str(tmp_path), "--split", "test", "--weights", "none"]
    report = main([*TINY, *tuning, "--precisions", "bf16", "--epochs", "3"])
    assert (report["split"], report["photos"], report["unreadable"]) == ("test", 6, 0)
    assert 0 <= report["top1"] <= 1
    assert report["config"]["trained"] == "all"
    assert f"top-1 of test {report['top1']:.4f} (6 photos)" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"no photos of split train to judge by; it has \['test"):
        main([*TINY, *tuning, "--split", "train"])
