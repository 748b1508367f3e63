from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.indexer.tiny_network import write_weights
from vsearch.bundle import weights_of
from vsearch.data import TrainingData
from vsearch.embed import Embedder
from vsearch.errors import DataError, WeightsError
from vsearch.fit_head import HeadConfig
from vsearch.fit_network import FINE_TUNING, NetworkConfig
from vsearch.images import ImageSpec, load
from vsearch.models.architectures import ARCHITECTURES, Architecture, NetworkSpec
from vsearch.models.classifier import abstract_classifier
from vsearch.models.deep_resnet import DeepResNet
from vsearch.objectives.normalised_softmax import NormalisedSoftmax
from vsearch.precision import PRECISIONS
from vsearch.pretrained import load_pretrained
from vsearch.progress import silent
from vsearch.train import TrainConfig, TrainResult, _Training, train


def tiny(epochs: int = 8, seed: int = 0) -> TrainConfig:
    network = NetworkConfig(epochs=epochs, batch=12, learning_rate=1e-2)
    return TrainConfig(backbone="tiny", dim=16, seed=seed, network=network)


def pixels_of(data: TrainingData, embedder: Embedder) -> np.ndarray:
    return np.stack([load(p.path.read_bytes(), embedder.spec) for p in data.val])


@pytest.fixture
def trained(colours: TrainingData, tmp_path: Path) -> TrainResult:
    return train(colours, tiny(), cache=tmp_path / "cache")


def test_a_small_network_learns_from_scratch_and_serves(
    colours: TrainingData, trained: TrainResult, tmp_path: Path
) -> None:
    bundle = trained.bundle
    assert bundle.metrics["val_top1"] == 1.0
    assert trained.unreadable == {}
    embedder = Embedder.load(bundle.save(tmp_path / "models"))
    pixels = pixels_of(colours, embedder)
    predictions = embedder(pixels)
    assert predictions.probabilities.argmax(1).tolist() == [p.labels[0] for p in colours.val]
    np.testing.assert_allclose(predictions.probabilities.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(predictions.embeddings, axis=1), 1, atol=1e-5)
    # Bigger or smaller batches, padded or not: the same photo, the same vector.
    for count in (1, 2, 9):
        np.testing.assert_allclose(
            embedder(pixels[:count]).embeddings, predictions.embeddings[:count], atol=1e-5
        )
    passes: list[tuple[int, ...]] = []
    compiled = embedder._forward

    def counted(leaves: list[jax.Array], batch: jax.Array) -> tuple[jax.Array, ...]:
        passes.append(batch.shape)
        return compiled(leaves, batch)

    embedder._forward = counted
    embedder(pixels[:1])
    assert passes == [(1, 32, 32, 3)]  # one pass gives both embedding and probabilities
    lower = Embedder(bundle, PRECISIONS["bf16"])(pixels).embeddings
    # Measured: at least 0.9995. The index of one precision serves the other.
    assert (lower * predictions.embeddings).sum(1).min() > 0.995
    with pytest.raises(ValueError, match="photos of 32 × 32"):
        embedder(np.zeros((1, 16, 16, 3), np.uint8))


def test_the_same_seed_gives_the_same_weights(colours: TrainingData, tmp_path: Path) -> None:
    first, again, other = (
        train(colours, tiny(epochs=1, seed=seed), cache=tmp_path).bundle.model_fingerprint
        for seed in (0, 0, 1)
    )
    assert first == again != other


def test_photos_spoilt_since_the_import_are_listed(colours: TrainingData, tmp_path: Path) -> None:
    colours.train[3].path.write_bytes(b"no photo")
    result = train(colours, tiny(epochs=2), cache=tmp_path)
    assert list(result.unreadable) == [str(colours.train[3].path)]


def test_a_label_without_a_readable_photo_drops_out_and_the_rest_is_trained(
    colours: TrainingData, tmp_path: Path
) -> None:
    for photo in colours.train:
        if photo.labels[0] == 1:
            photo.path.write_bytes(b"no photo")
    head = HeadConfig(steps=40, batch=8)
    config = TrainConfig(renderings=1, dim=8, head=head, trained="head")
    stages: set[str] = set()
    result = train(colours, config, cache=tmp_path, progress=lambda stage, *_: stages.add(stage))
    assert [label.name for label in result.bundle.labels] == ["red", "blue"]
    assert result.bundle.training["photos"] == {"train": 12, "val": 6}
    assert len(result.unreadable) == 6
    assert result.bundle.provenance["licence"] == "Apache-2.0"
    assert stages == {"features", "features of val", "train head", "familiarity"}
    for photo in colours.train:
        if photo.labels[0] == 2:
            photo.path.write_bytes(b"no photo")
    with pytest.raises(DataError, match="needs 2 or more labels"):
        train(colours, config, cache=tmp_path / "other")
    for photo in colours.train:
        photo.path.write_bytes(b"no photo")
    for settings in (config, tiny()):
        with pytest.raises(DataError, match=r"none of 18 training photos can be read; .*\.png: "):
            train(colours, settings, cache=tmp_path / "none")


@pytest.mark.parametrize(
    ("fields", "error", "expected"),
    [
        ({"backbone": "vgg"}, DataError, "no backbone “vgg”; there are efficientnet-lite0"),
        ({"precision": "fp8"}, DataError, "no precision “fp8”"),
        ({"objective": "one-class", "trained": "all"}, DataError, "trains no layers"),
        (
            {"objective": "one-class", "backbone": "resnet-small"},
            DataError,
            "one-class needs pretrained weights",
        ),
        (
            {"weights": "package", "backbone": "resnet-small"},
            WeightsError,
            "for resnet-small; there are “none”",
        ),
    ],
)
def test_a_wrong_choice_lists_the_right_ones(
    fields: dict[str, str], error: type[Exception], expected: str
) -> None:
    with pytest.raises(error, match=expected):
        TrainConfig(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["fp32", "bf16"])
def test_parameters_and_outputs_stay_float32_and_convolutions_use_the_lower(
    name: str, trained: TrainResult
) -> None:
    embedder = Embedder(trained.bundle, PRECISIONS[name])
    pixels = jnp.zeros((1, 32, 32, 3), jnp.uint8)
    with jax.numpy_dtype_promotion("strict"):
        program = jax.make_jaxpr(embedder._forward)(embedder._leaves, pixels)
    convolved = {
        str(v.aval.dtype)
        for equation in _all_equations(program.jaxpr)
        if equation.primitive.name == "conv_general_dilated"
        for v in equation.invars
    }
    assert convolved == {"float32" if name == "fp32" else "bfloat16"}
    assert {str(a.dtype) for a in program.out_avals} == {"float32"}
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(embedder._leaves)} == {"float32"}


def test_networks_of_one_shape_are_compiled_once(trained: TrainResult) -> None:
    one, other = (Embedder(trained.bundle) for _ in range(2))
    lower = Embedder(trained.bundle, PRECISIONS["bf16"])
    assert one._forward is other._forward
    assert one._forward is not lower._forward
    assert all(a is not b for a, b in zip(one._leaves, other._leaves, strict=True))


def _all_equations(jaxpr: Any) -> list[Any]:
    found = []
    for equation in jaxpr.eqns:
        found.append(equation)
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", None)
            if inner is not None:
                found += _all_equations(inner)
    return found


def test_a_run_that_is_killed_after_its_layers_were_trained_trains_them_no_more(
    colours: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(colours, tiny(epochs=2), cache=tmp_path / "whole")
    assert [path.suffix for path in (tmp_path / "whole").iterdir()] == [".db"]
    cache, calibrate = tmp_path / "cache", NormalisedSoftmax.calibrate
    monkeypatch.setattr(NormalisedSoftmax, "calibrate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(colours, tiny(epochs=2), cache=cache)
    monkeypatch.setattr(NormalisedSoftmax, "calibrate", calibrate)
    steps: list[int] = []

    def told(stage: str, done: int, _total: int, /) -> None:
        if stage == "train network":
            steps.append(done)

    again = train(colours, tiny(epochs=2), cache=cache, progress=told)
    assert steps == [4]
    assert again.bundle.model_fingerprint == whole.bundle.model_fingerprint
    assert [path.suffix for path in cache.iterdir()] == [".db"]


def test_the_last_stages_are_trained_and_the_head_fitted_again(
    colours: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = partial(DeepResNet, (1, 1, 1, 1), bottleneck=False)
    architecture = Architecture(backbone, ImageSpec(size=32, fit="stretch"), (0, 1, 2, 3))
    monkeypatch.setitem(ARCHITECTURES, "four", architecture)
    stages: list[str] = []
    config = TrainConfig(
        backbone="four",
        weights=str(write_weights(tmp_path / "four.safetensors", backbone)),
        dim=8,
        renderings=2,
        head=HeadConfig(steps=40, batch=8),
        network=replace(FINE_TUNING, epochs=2, batch=6, share=1.0, weight_decay=0.5),
    )

    def told(stage: str, _done: int, _total: int, /) -> None:
        if stage not in stages:
            stages.append(stage)

    result = train(colours, config, cache=tmp_path / "cache", progress=told)
    assert stages == [
        "features",
        "features of val",
        "train head",
        "train network",
        "new features",
        "new features of val",
        "familiarity",
    ]
    spec = NetworkSpec("four", 8)
    network = abstract_classifier(spec, 3, NormalisedSoftmax())
    load_pretrained("four", network.trunk.backbone, str(tmp_path / "four.safetensors"))
    before, after = weights_of(network.trunk), result.bundle.weights
    moved = {leaf for leaf, array in before.items() if (after[f"trunk.{leaf}"] != array).any()}
    assert {network.stage_of(f"trunk.{leaf}") for leaf in moved} == {2, 3}
    assert not any(leaf.endswith(("mean", "var")) for leaf in moved)
    assert sum(leaf.endswith("kernel") for leaf in moved) == 6
    assert result.bundle.metrics["val_top1"] == 1.0
    assert list(result.bundle.training["history"]) == ["head", "network"]


def interrupted(*_arguments: object) -> None:
    raise KeyboardInterrupt


def test_val_photos_that_cannot_be_read_do_not_count(colours: TrainingData, tmp_path: Path) -> None:
    for photo in colours.val:
        photo.path.write_bytes(b"no photo")
    result = train(colours, tiny(epochs=1), cache=tmp_path / "cache")
    assert result.bundle.training["photos"] == {"train": 18, "val": 0}
    assert len(result.unreadable) == len(colours.val)
    assert result.bundle.metrics == {}


def test_a_checkpoint_of_other_photos_or_pixels_is_not_gone_on_from(
    colours: TrainingData, tmp_path: Path
) -> None:
    def key(data: TrainingData, config: TrainConfig) -> str:
        return _Training(data, config, tmp_path, 60.0, silent)._key(0)

    first = key(colours, tiny())
    assert first == key(colours, tiny())
    role = replace(colours.train[0], catalogue=not colours.train[0].catalogue)
    others = (
        (replace(colours, train=(role, *colours.train[1:])), tiny()),
        (replace(colours, train=colours.train[::-1]), tiny()),
        (colours, replace(tiny(), precision="bf16")),
        (colours, tiny(seed=1)),
    )
    assert len({first, *(key(*other) for other in others)}) == 5
