"""Plain Grad-CAM of the last stage, the peer of our maps.

Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization,
ICCV 2017 (arXiv:1610.02391): channels weighted by the mean of their gradient, negative sums cut.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vsearch.bundle import Bundle, load_weights
from vsearch.explain import Seen
from vsearch.models.classifier import abstract_classifier, statistics_of
from vsearch.objectives import objective_named


class GradCam:
    """Maps of one network; the labels' logits are what is explained."""

    def __init__(self, bundle: Bundle) -> None:
        objective = objective_named(bundle.objective)
        network = abstract_classifier(bundle.network, len(bundle.labels), objective)
        load_weights(network, bundle.weights)
        network.eval()  # type: ignore[no-untyped-call]
        definition, self._state = nnx.split(network.top)
        size = bundle.spec.size

        @jax.jit
        def explain(
            state: nnx.State[Any, Any], stages: tuple[jax.Array, ...], label: jax.Array
        ) -> jax.Array:
            top = nnx.merge(definition, state)

            def logit(last: jax.Array) -> jax.Array:
                _, logits = top(statistics_of([*stages[:-1], last]))
                explained: jax.Array = logits[0, label]
                return explained

            last = stages[-1]
            weights = jax.grad(logit)(last).mean((1, 2), keepdims=True)
            found = jax.nn.relu((last * weights).sum((0, -1)))
            enlarged: jax.Array = jax.image.resize(found, (size, size), "linear")
            return enlarged

        self._explain = explain

    def __call__(self, seen: Seen, label: int) -> NDArray[np.float32]:
        """Return the map of a label, (size, size), without a unit."""
        return np.asarray(self._explain(self._state, seen.stages, jnp.asarray(label)))
