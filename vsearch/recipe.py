"""How gradient descent goes: batch, learning rate, decay, averaging; and the optimiser of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from vsearch.errors import DataError

Parameters = nnx.State[Any, Any]


@dataclass(frozen=True)
class Recipe:
    """What a training by gradient descent depends on, apart from network and photos.

    Attributes:
        batch: photos a step.
        learning_rate: the peak; it rises linearly, then falls as half a cosine to 0.
        warmup: the share of the steps in which it rises.
        weight_decay: of kernels; norms, biases and class vectors, which count by their direction
            alone, have none.
        clip: the greatest norm of all gradients together; None: not clipped.
        accumulate: how many steps' gradients are averaged into one update.
        ema: how much of the average of the weights stays at each step (Polyak averaging); 0: none.
        smoothing: label smoothing.
        dropout: the share of pooled features that is dropped.
        catalogue_share: the share of a batch that comes from catalogue photos.
        checks: how many times val is looked at; the best state is kept.
        patience: after how many checks without a better one training stops; None: never.
    """

    batch: int = 32
    learning_rate: float = 1e-3
    warmup: float = 0.1
    weight_decay: float = 1e-4
    clip: float | None = None
    accumulate: int = 1
    ema: float = 0.0
    smoothing: float = 0.0
    dropout: float = 0.0
    catalogue_share: float = 0.125
    checks: int = 10
    patience: int | None = None

    def __post_init__(self) -> None:
        """Refuse values that nothing can be trained with, before any work starts.

        Raises:
            DataError: names the first, and what is possible.
        """
        self._require("1 or more", "batch", "accumulate", good=lambda value: value >= 1)
        self._require("none, or 1 or more", "patience", good=lambda v: v is None or v >= 1)
        self._require("above 0", "learning_rate", good=lambda value: 0 < value < math.inf)
        self._require("0 or more", "weight_decay", "checks", good=lambda v: 0 <= v < math.inf)
        self._require("none, or above 0", "clip", good=lambda value: value is None or value > 0)
        self._require("from 0 to 1", "warmup", "catalogue_share", good=lambda v: 0 <= v <= 1)
        self._require(
            "0 or more and less than 1", "ema", "smoothing", "dropout", good=lambda v: 0 <= v < 1
        )

    def _require(self, wanted: str, *names: str, good: Callable[[Any], bool]) -> None:
        for name in names:
            value = getattr(self, name)
            if not good(value):
                raise DataError(f"{name} has to be {wanted}, not {value}")

    def optimiser(
        self, steps: int, rate_of: Callable[[str], float]
    ) -> optax.GradientTransformation:
        """Return AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101) for `steps` steps.

        Args:
            steps: how many batches there will be.
            rate_of: by what a leaf's learning rate is multiplied, by its dotted name.
        """
        updates = max(1, steps // self.accumulate)
        warmup = min(int(self.warmup * updates), updates - 1)
        schedule = optax.warmup_cosine_decay_schedule(
            self.learning_rate if not warmup else 0.0, self.learning_rate, warmup, updates
        )
        parts = [optax.clip_by_global_norm(self.clip)] if self.clip is not None else []
        chain = optax.chain(
            *parts,
            optax.scale_by_adam(),
            optax.add_decayed_weights(self.weight_decay, mask=decays),
            scaled_by_name(rate_of),
            optax.scale_by_learning_rate(schedule),
        )
        if self.accumulate == 1:
            return chain
        return optax.MultiSteps(chain, self.accumulate).gradient_transformation()


def decays(params: Parameters) -> Parameters:
    """Return for every leaf whether its weights decay: those of kernels do."""

    def is_kernel(path: tuple[object, ...], _leaf: jax.Array) -> bool:
        return leaf_name(path).endswith("kernel")

    return cast(Parameters, jax.tree.map_with_path(is_kernel, params))


def scaled_by_name(rate_of: Callable[[str], float]) -> optax.GradientTransformation:
    """Return a transformation that multiplies each leaf's update by the rate of its name."""

    def scale(updates: Parameters, _params: Parameters | None) -> Parameters:
        def one(path: tuple[object, ...], leaf: jax.Array) -> jax.Array:
            return leaf * jnp.asarray(rate_of(leaf_name(path)), leaf.dtype)

        return cast(Parameters, jax.tree.map_with_path(one, updates))

    return optax.stateless(scale)


def leaf_name(path: tuple[Any, ...]) -> str:
    """Return the dotted name of a leaf of an nnx state, without nnx's own `value` level."""
    keys = [getattr(key, "key", getattr(key, "name", key)) for key in path]
    return ".".join(str(key) for key in keys if str(key) != "value")
