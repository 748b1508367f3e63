"""Starting values of all leaves, drawn with NumPy.

NumPy's generator gives the same numbers whatever the device and the version of JAX, and compiles
nothing: drawing a small network's weights within XLA takes seconds.
"""

import jax
import numpy as np
from flax import nnx
from numpy.typing import NDArray

ZEROS = {"bias", "mean", "feature_mean", "class_weights", "label_biases", "edge_score"}
ONES = {"scale", "var", "feature_spread", "variances", "noise_variance", "score_spread"}


def initialise(module: nnx.Module, seed: int) -> None:
    """Fill an abstract module in place.

    Kernels are normal with variance 2 / fan-in, as ReLUs need (He et al. 2015, arXiv:1502.01852);
    class vectors are standard normal, since only their direction counts. Class weights of a linear
    head are zero: the first predictions are equal for all labels instead of wrong at random.
    """
    rng = np.random.default_rng(seed)
    flat = dict(nnx.to_flat_state(nnx.state(module)))
    for path, leaf in flat.items():
        leaf.set_raw_value(jax.device_put(_start(str(path[-1]), leaf.get_raw_value().shape, rng)))
    nnx.update(module, nnx.from_flat_state(flat))


def _start(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    if name in ZEROS:
        return np.zeros(shape, np.float32)
    if name in ONES:
        return np.ones(shape, np.float32)
    spread = 1.0 if name == "class_vectors" else np.sqrt(2 / np.prod(shape[:-1]))
    return np.asarray(rng.normal(0, spread, shape), np.float32)
