"""How usual a photo's features are among those that a model was trained on.

Standardised features are modelled by probabilistic principal components (Tipping & Bishop,
Probabilistic Principal Component Analysis, 1999): a Gaussian with variances of its own along the
principal axes and one noise variance across all others. How many axes count is chosen by the
likelihood of held-out photos.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vsearch.gaussian import Gaussian, held_out_scores

# The share of held-out photos that lie below a logit of 0.
EDGE = 0.05


class Statistic(nnx.Variable[jax.Array]):
    """Found from features in closed form; not trained."""


class Likelihood(nnx.Module):
    """Log-likelihood of standardised features, scaled by that of held-out training photos.

    Of these, the share `EDGE` had a logit below 0 and half had one below 1.
    """

    def __init__(self, features: int, dim: int):
        self.basis = Statistic(jnp.zeros((features, dim)))
        self.variances = Statistic(jnp.ones(dim))
        self.noise_variance = Statistic(jnp.ones(1))
        self.edge_score = Statistic(jnp.zeros(1))
        self.score_spread = Statistic(jnp.ones(1))

    def __call__(self, features: jax.Array) -> jax.Array:
        """Map standardised features (n, features) to logits (n, 1) float32."""
        basis = self.basis[...]
        # A GPU's quicker products keep ten bits: too few for what is left beside the axes.
        along = jnp.matmul(features, basis, precision="highest")
        beside = features - jnp.matmul(along, basis.T, precision="highest")
        distance = (jnp.square(along) / self.variances[...][None]).sum(-1, keepdims=True)
        distance += jnp.square(beside).sum(-1, keepdims=True) / self.noise_variance[...][None]
        score = -distance / features.shape[-1]
        logits: jax.Array = (score - self.edge_score[...][None]) / self.score_spread[...][None]
        return logits


def likelihood_values(
    photos: NDArray[np.float16],
    rows: NDArray[np.float32],
    mean: NDArray[np.float32],
    spread: NDArray[np.float32],
    dim: int,
    rng: np.random.Generator,
) -> Mapping[str, NDArray[np.floating]]:
    """Return the values of a `Likelihood`'s leaves by name.

    Args:
        photos: features (photos, renderings, features), to hold some out of.
        rows: features (rows, features) that the model is made of in the end.
        mean: what features are standardised by, (features,).
        spread: likewise.
        dim: how many axes are kept.
        rng: draws what is held out.
    """
    axes, scores = held_out_scores(photos, mean, spread, dim, rng)
    edge, middle = np.quantile(scores, [EDGE, 0.5])
    basis, variances, noise = Gaussian.of((rows - mean) / spread, dim).padded(axes, dim)
    return {
        "basis": basis,
        "variances": variances,
        "noise_variance": np.array([noise]),
        "edge_score": np.array([edge]),
        "score_spread": np.array([max(middle - edge, 1e-3 * max(1.0, abs(middle)))]),
    }


def fill(module: nnx.Module, values: Mapping[str, NDArray[np.floating]]) -> None:
    """Give the leaves of a module their values, by dotted name."""
    flat = dict(nnx.to_flat_state(nnx.state(module)))
    for path, leaf in flat.items():
        leaf.set_raw_value(jnp.asarray(values[".".join(map(str, path))], jnp.float32))
    nnx.update(module, nnx.from_flat_state(flat))
