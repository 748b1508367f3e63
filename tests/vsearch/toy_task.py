"""A regression-like task of three numbers, so that the loop can be tested in milliseconds."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vsearch.fit import Batch, Check, Quality, Task

INPUTS, LABELS = 5, 3


class Toy(nnx.Module):
    """Two linear layers with a batch norm between them."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.below = nnx.Linear(INPUTS, 8, rngs=nnx.Rngs(0))
        self.norm = nnx.BatchNorm(8, rngs=nnx.Rngs(0))
        self.above = nnx.Linear(8, LABELS, rngs=nnx.Rngs(0))
        for layer in (self.below, self.above):
            shape = layer.kernel[...].shape
            layer.kernel[...] = jnp.asarray(rng.normal(0, 0.5, shape), jnp.float32)

    def __call__(self, x: jax.Array) -> jax.Array:
        y: jax.Array = self.above(self.norm(self.below(x)))
        return y


def photos(step: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return eight inputs whose greatest of three columns is the label."""
    rng = np.random.default_rng((7, step))
    x = rng.normal(size=(8, INPUTS)).astype(np.float32)
    return x, np.eye(LABELS, dtype=np.float32)[x[:, :LABELS].argmax(1)]


def cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    return -(targets * jax.nn.log_softmax(logits)).sum(-1).mean()


def judge(network: Any) -> tuple[Quality, Check]:
    x, targets = photos(10**6)
    logits = np.asarray(network(jnp.asarray(x)))
    top1 = float((logits.argmax(1) == targets.argmax(1)).mean())
    return (top1,), {"val": top1}


def noisy_logits(network: Any, inputs: jax.Array, key: jax.Array) -> jax.Array:
    logits: jax.Array = network(inputs + 0.1 * jax.random.normal(key, inputs.shape))
    return logits


def toy_task(steps: int, **changes: Any) -> Task:
    """Return the task; `changes` replace its fields."""

    def batches(first: int) -> Iterator[Batch]:
        return (photos(step) for step in range(first, steps))

    fields: dict[str, Any] = {
        "name": "toy",
        "network": Toy(),
        "logits": noisy_logits,
        "loss": cross_entropy,
        "batches": batches,
        "judge": judge,
        "frozen_norms": False,
    }
    return Task(**(fields | changes))
