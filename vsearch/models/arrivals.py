"""Classes that came to a trained head later: told from the trained ones by evidence of their own.

A network that never saw a class maps its photos between the classes that it learned, whose own
training photos lie far tighter than new ones do: cosines with mean directions of both cannot be
compared. So the trained logits stay as they are, and a class that came later has the logit that
they amount to together, plus how much more likely a Gaussian of its photos makes the embedding than
those of the trained classes do. See `vsearch.class_statistics` for the Gaussians.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from vsearch.models.likelihood import Statistic

# Leaves of a head with an entry for every class vector, and the axis of these.
ARRIVAL_AXES = {"arrivals.weights": 0, "arrivals.biases": 0, "arrivals.arrived": 0}
NO_EVIDENCE = np.float32(-1e9)  # the bias of a class whose photos are not known


class Arrivals(nnx.Module):
    """The evidence for each class vector's class, linear in the embedding, and when it came.

    `arrived` is 0 for those that were trained, else the number of the round that they came in.
    """

    def __init__(self, dim: int, rows: int):
        self.weights = Statistic(jnp.zeros((rows, dim)))
        self.biases = Statistic(jnp.zeros(rows))
        self.arrived = Statistic(jnp.zeros(rows))
        self.scale = Statistic(jnp.ones(1))

    def __call__(self, logits: jax.Array, embedding: jax.Array) -> jax.Array:
        """Return the logits with those of classes that came later in their place, (n, rows).

        Args:
            logits: of the trained head, (n, rows) float32.
            embedding: (n, dim) float32, unit rows.
        """
        arrived, scale = self.arrived[...] > 0, self.scale[...][None]
        evidence = embedding @ self.weights[...].T + self.biases[...][None]
        trained = jnp.where(arrived, -jnp.inf, 0.0)[None]
        level = jax.nn.logsumexp(scale * logits + trained, axis=1, keepdims=True)
        against = jax.nn.logsumexp(evidence + trained, axis=1, keepdims=True)
        # Where no trained class is left, the others have nothing to be compared with.
        beyond = jnp.where(arrived.all(), 0.0, level - against)
        return jnp.where(arrived[None], (evidence + beyond) / scale, logits)
