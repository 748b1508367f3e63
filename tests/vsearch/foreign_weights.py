"""Checkpoints with random values, in the names and the layout of others."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vsearch.models.architectures import ARCHITECTURES

State = dict[str, NDArray[Any]]


def abstract_backbone(name: str) -> Any:
    """Return an architecture's network without values."""
    backbone = ARCHITECTURES[name].backbone
    return nnx.eval_shape(lambda: backbone(rngs=nnx.Rngs(0)))


def random_state(network: nnx.Module, names: Mapping[str, str], seed: int = 0) -> State:
    """Return float32 arrays in PyTorch's layout, in the size that trained ones have."""
    rng = np.random.default_rng(seed)
    shapes = {
        ".".join(map(str, path)): leaf.get_raw_value().shape
        for path, leaf in nnx.to_flat_state(nnx.state(network))
    }
    return {theirs: _values(theirs, shapes[ours], rng) for ours, theirs in names.items()}


def _values(name: str, ours: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    if len(ours) > 1:
        *window, inputs, outputs = ours
        fan_in = inputs * int(np.prod(window))
        shape = (outputs, inputs, *(window or (1, 1)))
        return rng.normal(0, np.sqrt(2 / fan_in), shape).astype(np.float32)
    if name.endswith(("weight", "running_var")):
        return rng.uniform(0.5, 1.5, ours).astype(np.float32)
    return rng.normal(0, 0.1, ours).astype(np.float32)
