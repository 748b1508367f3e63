"""Softmax: one label a photo, by a plain linear layer with bias on the embedding."""

from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vsearch.calibration import LOGIT_SCALES
from vsearch.models.arrivals import ARRIVAL_AXES, Arrivals
from vsearch.models.several_vectors import Vectors, best_of
from vsearch.objectives.base import Leaves
from vsearch.objectives.normalised_softmax import NormalisedSoftmax


class LinearHead(nnx.Module):
    """Weights and a bias for every output, on unit rows; some classes may have come later.

    LayerNorm itself would return √dim times these, a factor that the weights can take over. Left
    out, the learning rate that suits class vectors suits this head, too (grocery-store's val, 800
    steps, mean of two seeds: top-1 .755, with the factor .706).
    """

    def __init__(self, dim: int, outputs: int, vectors: Vectors = ()):
        columns = sum(vectors) or outputs
        self.class_weights = nnx.Param(jnp.zeros((dim, columns)))
        self.bias = nnx.Param(jnp.zeros(columns))
        self.vectors = vectors
        self.arrivals = nnx.data(Arrivals(dim, columns) if vectors else None)

    def __call__(self, embedding: jax.Array, _features: jax.Array) -> jax.Array:
        """Map unit rows (n, dim) to logits (n, outputs) float32."""
        logits: jax.Array = embedding @ self.class_weights[...] + self.bias[...][None]
        if self.arrivals is not None:
            logits = self.arrivals(logits, embedding)
        return best_of(logits, self.vectors)

    def plain(self, embedding: jax.Array, _features: jax.Array) -> jax.Array:
        """Map rows (n, dim) to the best linear logit of every class (n, outputs)."""
        logits: jax.Array = embedding @ self.class_weights[...] + self.bias[...][None]
        return best_of(logits, self.vectors)


class Softmax(NormalisedSoftmax):
    """The same as the normalised softmax in all but its head, whose logits need no temperature."""

    name = "softmax"
    vector_axes: ClassVar[Mapping[str, int]] = {"class_weights": 1, "bias": 0, **ARRIVAL_AXES}
    temperature = 1.0
    scales = LOGIT_SCALES

    def head(self, features: int, dim: int, labels: int, vectors: Vectors = ()) -> nnx.Module:
        """Return the linear head."""
        return LinearHead(dim, labels, vectors)

    def imprint(self, head: Leaves, vectors: NDArray[np.float32]) -> Leaves:
        """Return weights as long as the trained ones are on average, and their mean bias.

        A label with longer weights would win by its length, with a greater bias by that alone.
        """
        length = np.linalg.norm(head["class_weights"], axis=0).mean(dtype=np.float32)
        biases = np.full(len(vectors), head["bias"].mean(), np.float32)
        return {"class_weights": vectors.T * length, "bias": biases}


OBJECTIVE = Softmax()
