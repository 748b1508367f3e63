"""What training minimises."""

import jax
import jax.numpy as jnp


def normalised_softmax(cosines: jax.Array, labels: jax.Array, scale: float) -> jax.Array:
    """Return the mean cross-entropy of the softmax over scaled cosines, a float32 scalar.

    Zhai & Wu, Classification is a Strong Baseline for Deep Metric Learning, BMVC 2019
    (arXiv:1811.12649).

    Args:
        cosines: (n, labels) float32, of embeddings and class vectors.
        labels: (n,) integer, the right columns.
        scale: one over the temperature.
    """
    log_probabilities = jax.nn.log_softmax(cosines * scale, axis=-1)
    return -jnp.take_along_axis(log_probabilities, labels[:, None], axis=-1).mean()
