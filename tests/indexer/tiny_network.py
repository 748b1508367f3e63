"""A backbone of one block, and a file of weights for it: whole trainings in a second."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import save_file

from vsearch.images import ImageSpec
from vsearch.models.architectures import ARCHITECTURES, Architecture
from vsearch.models.deep_resnet import DeepResNet
from vsearch.models.initialise import initialise
from vsearch.weight_names import torchvision_resnet_names

TINY = "tiny"
_BACKBONE = partial(DeepResNet, (1,), bottleneck=False)


def offer_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer the backbone “tiny”: one block on photos of 32 × 32."""
    architecture = Architecture(_BACKBONE, ImageSpec(size=32, fit="stretch"), (0,))
    monkeypatch.setitem(ARCHITECTURES, TINY, architecture)


def write_weights(path: Path, backbone: Callable[..., DeepResNet] = _BACKBONE) -> Path:
    """Write weights for a backbone, the tiny one by default, as torchvision lays them out."""
    network = nnx.eval_shape(lambda: backbone(rngs=nnx.Rngs(0)))
    initialise(network, seed=0)
    leaves = {
        ".".join(map(str, name)): np.asarray(leaf[...], np.float32)
        for name, leaf in nnx.to_flat_state(nnx.state(network))
    }
    names = torchvision_resnet_names(network)
    arrays = {theirs: leaves[ours] for ours, theirs in names.items()}
    laid_out = {
        name: np.ascontiguousarray(a.transpose(3, 2, 0, 1) if a.ndim == 4 else a)
        for name, a in arrays.items()
    }
    save_file(laid_out, path)
    return path
