"""A state dict in PyTorch's layout to our parameters, every leaf checked."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vsearch.errors import WeightsError
from vsearch.safetensors_file import read_safetensors_file
from vsearch.torch_file import read_torch_file

# What wrappers put before every name: data parallelism, training frameworks, feature extractors.
PREFIXES = ("module.", "model.", "backbone.")
# The ImageNet classifier, and counters that nothing computes with.
IGNORED = re.compile(r"(.*\.)?num_batches_tracked|n_averaged|(fc|_fc|classifier)\.(weight|bias)")


def read_state_dict(path: Path) -> dict[str, NDArray[Any]]:
    """Return a checkpoint's leaves in PyTorch's layout, without wrappers' prefixes.

    Args:
        path: a `.safetensors` file; anything else is read as a PyTorch checkpoint.

    Raises:
        WeightsError: the file cannot be read; the message names the first bad leaf if it can.
    """
    read = read_safetensors_file if path.suffix == ".safetensors" else read_torch_file
    return without_prefixes(read(path))


def without_prefixes(state: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Take off, as often as it applies, a prefix that all names share."""
    stripped = dict(state)
    while shared := [p for p in PREFIXES if stripped and all(n.startswith(p) for n in stripped)]:
        stripped = {name.removeprefix(shared[0]): leaf for name, leaf in stripped.items()}
    return stripped


def load_state_dict(
    network: object, state: Mapping[str, NDArray[Any]], names: Mapping[str, str]
) -> None:
    """Copy every mapped leaf into the network as float32.

    Args:
        network: filled in place, only if every leaf fits.
        state: arrays of any float dtype in PyTorch's layout: kernels (out, in, height, width).
        names: leaf of ours → leaf of theirs.

    Raises:
        WeightsError: names the first leaf that is missing, differs in shape, is not of floats or
            not finite; the first that belongs to no leaf of ours; or a leaf of the network that
            the map does not fill.
    """
    flat = dict(nnx.to_flat_state(nnx.state(network)))
    leaves = {".".join(map(str, path)): leaf for path, leaf in flat.items()}
    unfilled = sorted(set(leaves) - set(names))
    if unfilled:
        raise WeightsError(f"the name map fills no leaf “{unfilled[0]}” of the network")
    used = set(names.values())
    shapes = {ours: leaves[ours].get_raw_value().shape for ours in names}
    values = {
        ours: _to_ours(_checked(state, theirs, shapes[ours]), shapes[ours])
        for ours, theirs in names.items()
    }
    foreign = [name for name in state if name not in used and not IGNORED.fullmatch(name)]
    if foreign:
        raise WeightsError(
            f"leaf “{foreign[0]}” and {len(foreign) - 1} more belong to no layer of this network: "
            "the checkpoint is of another"
        )
    for ours, value in values.items():
        leaves[ours].set_raw_value(jnp.asarray(value))
    nnx.update(network, nnx.from_flat_state(flat))


def _checked(
    state: Mapping[str, NDArray[Any]], name: str, ours: tuple[int, ...]
) -> NDArray[np.float32]:
    found = state.get(name)
    if found is None:
        raise WeightsError(f"leaf “{name}” is missing in the checkpoint")
    if not jnp.issubdtype(found.dtype, jnp.floating):
        raise WeightsError(f"leaf “{name}” is {found.dtype}, expected floats")
    expected = _shape_of_theirs(ours)
    if found.shape != expected:
        raise WeightsError(f"leaf “{name}” has shape {found.shape}, expected {expected}")
    with np.errstate(over="ignore"):  # a float64 beyond float32 is caught as infinite
        values = found.astype(np.float32)
    if not np.isfinite(values).all():
        raise WeightsError(f"leaf “{name}” has values that are not finite")
    if name.endswith("running_var") and (values < 0).any():
        raise WeightsError(f"leaf “{name}” has variances below 0")
    return values


def _shape_of_theirs(ours: tuple[int, ...]) -> tuple[int, ...]:
    match ours:
        case (inputs, outputs):  # a 1 × 1 convolution, which we keep as a matrix
            return outputs, inputs, 1, 1
        case (height, width, inputs, outputs):
            return outputs, inputs, height, width
    return ours


def _to_ours(array: NDArray[np.float32], ours: tuple[int, ...]) -> NDArray[np.float32]:
    if len(ours) == 2:
        return array[:, :, 0, 0].T
    return array.transpose(2, 3, 1, 0) if len(ours) == 4 else array
