"""One-class: trained on photos of what is sold alone, it accepts or rejects a photo.

A photo's logit is the log-likelihood of its features, up to a constant.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vsearch.calibration import sigmoid
from vsearch.errors import DataError
from vsearch.gaussian import sample_rows
from vsearch.models.likelihood import EDGE, Likelihood, fill, likelihood_values
from vsearch.models.several_vectors import Vectors
from vsearch.objectives.base import Calibration, Logits, LossOptions, Objective, Targets

if TYPE_CHECKING:
    from vsearch.models.classifier import TopLayers

# The share of our own photos that may be rejected.
FALSE_ALARM = EDGE
# So few val photos cannot tell so small a share.
LEAST_VAL = round(1 / FALSE_ALARM) - 1
MOST_SCORES = 512
LEAST_PHOTOS = 10
SEED = 0


class LikelihoodHead(Likelihood):
    """The likelihood of a photo's features, as a head."""

    def __call__(self, _embedding: jax.Array, features: jax.Array) -> jax.Array:  # type: ignore[override]
        """Map standardised features (n, features) to logits (n, 1) float32."""
        return super().__call__(features)


class OneClass(Objective):
    """One label, “ours”; its probability is a p-value: how usual a photo is among our own."""

    name = "one-class"
    rejects = True
    closed_form = True
    least_labels = 1
    most_labels = 1

    def head(self, features: int, dim: int, labels: int, vectors: Vectors = ()) -> nnx.Module:
        """Return the likelihood of features."""
        return LikelihoodHead(features, dim)

    def loss(self, logits: jax.Array, targets: jax.Array, options: LossOptions) -> jax.Array:
        """Refuse: photos of one class alone give no gradient that tells them from others.

        Raises:
            DataError: always.
        """
        raise DataError(
            "one-class cannot train layers: use a pretrained backbone and train the head alone"
        )

    def fit(self, top: "TopLayers", features: NDArray[np.float16]) -> None:
        """Fill projection and head; the embedding holds the photo's principal coordinates.

        They are not whitened: that found the same item less often (grocery-store's val photos, top
        1 of 256 dimensions: .517 as they are, .486 whitened, .524 with all 4,096 features).

        Args:
            top: its leaves may still be without values.
            features: (photos, features), or (photos, renderings, features) with the plain photo
                first, so that renderings of a held-out photo are held out, too.

        Raises:
            DataError: too few photos.
        """
        photos = features.reshape(len(features), -1, features.shape[-1])
        if len(photos) < LEAST_PHOTOS:
            raise DataError(
                f"one-class needs at least {LEAST_PHOTOS} photos to learn what is usual, there "
                f"are {len(photos)}: add photos of what is sold"
            )
        rng = np.random.default_rng(SEED)
        rows = sample_rows(photos, rng)
        mean, spread = rows.mean(0), rows.std(0)
        # A feature that hardly ever moves would reject whatever moves it.
        spread = np.maximum(spread, max(0.01 * float(np.median(spread)), 1e-5))
        dim = top.projection.project.out_features
        head = likelihood_values(photos, rows, mean, spread, dim, rng)
        values = {
            "projection.feature_mean": mean,
            "projection.feature_spread": spread,
            "projection.project.kernel": head["basis"],
        }
        fill(top, values | {f"head.{name}": value for name, value in head.items()})

    def quality(self, logits: Logits, targets: Targets) -> tuple[float, ...]:
        """Return nothing: there is no step to choose."""
        return ()

    def calibrate(self, logits: Logits, targets: Targets) -> Calibration:
        """Return the logits of val photos in order, and the p-value up to which is rejected.

        Of many photos, order statistics at evenly spaced ranks are kept. With less than
        `LEAST_VAL` photos none are: the head knows of held-out training photos.
        """
        ordered = np.sort(logits[:, 0]) if len(logits) >= LEAST_VAL else logits[:0, 0]
        kept = min(len(ordered), MOST_SCORES)
        ranks = np.arange(1, kept + 1) * (len(ordered) + 1) // (kept + 1)
        return {"threshold": FALSE_ALARM, "scores": ordered[ranks - 1].tolist()}

    def probabilities(self, logits: Logits, calibration: Calibration) -> NDArray[np.float32]:
        """Return p-values: the share of our own photos that are at least as unusual, (n, 1).

        Conformal, (1 + those of m val photos) / (m + 1): whatever the features' distribution, a new
        photo of ours has a p-value ≤ α with probability ≤ α at most (Bates et al., Testing for
        Outliers with Conformal p-values, 2023, arXiv:2104.08279). Without val photos, a logistic
        curve through the two points of held-out training photos that the head is scaled by.
        """
        scores = np.asarray(calibration["scores"], np.float32)
        if scores.size:
            below = np.searchsorted(scores, logits, side="right")
            return np.asarray((1 + below) / (1 + len(scores)), np.float32)
        edge = np.log(FALSE_ALARM / (1 - FALSE_ALARM))
        return sigmoid(edge * (1 - logits.astype(np.float64))).astype(np.float32)

    def assigned(
        self, probabilities: NDArray[np.float32], calibration: Calibration
    ) -> NDArray[np.bool_]:
        """Return whether each photo is accepted, (n, 1)."""
        return probabilities > np.float32(calibration["threshold"])

    def foreignness(
        self, probabilities: NDArray[np.float32], calibration: Calibration
    ) -> NDArray[np.float32]:
        """Return 0 where the p-value is 1, .5 where it is the threshold, and 1 where it is 0."""
        p, edge = probabilities[:, 0].astype(np.float64), np.float32(calibration["threshold"])
        score = np.where(p > edge, 0.5 * (1 - p) / (1 - edge), 1 - 0.5 * p / edge)
        return np.asarray(score, np.float32)

    def shares(
        self, logits: Logits, calibration: Calibration, tree: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Return 1 for photos that are accepted, where the label has a place in the tree."""
        accepted = self.assigned(self.probabilities(logits, calibration), calibration)
        return np.asarray(accepted & tree[None], np.float32)

    def metrics(
        self, probabilities: NDArray[np.float32], targets: Targets, calibration: Calibration
    ) -> dict[str, float]:
        """Return the share of our own photos that are accepted.

        Of the photos that calibrated it is about 1 - `FALSE_ALARM` by construction. How many
        foreign ones are rejected takes such photos: see `metrics.auroc` and `reject_rate`.
        """
        return {"acceptance": float(self.assigned(probabilities, calibration).mean())}


OBJECTIVE = OneClass()
