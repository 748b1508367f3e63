"""“Not something we sell”: how foreign a photo looks to a shop's model and index.

Up to four things speak against a photo: two labels are nearly as likely, no view of the index is
near, its features are unusual among those of the training photos, or not typical of any class. Each
is standardised by what it is for the shop's own val photos, and they are joined as Fisher joins
tests (Statistical Methods for Research Workers, 1925): the logarithms of their tail probabilities
add up, so that one strong reason is enough. The threshold is what the share `false_rejects` of the
val photos exceeds. Photos of what is not sold are not needed for any of it.

The nearest views are Sun et al., Out-of-Distribution Detection with Deep Nearest Neighbors, ICML
2022 (arXiv:2204.06507); the threshold is split conformal prediction's, which holds for new photos
of the same kind as val (Bates et al., Testing for Outliers with Conformal p-values, 2023,
arXiv:2104.08279).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from indexer.embedding import PhotoPredictions
from vsearch.calibration import sigmoid

UNKNOWN_FROM = 0.5  # the score from which on a photo is called unknown
VIEWS = 5  # nearest views whose mean similarity counts
LEAST_VAL = 20  # fewer photos do not tell a share of 5 %
# Chosen on val photos: grocery-store's against fashion-catalogue's, and against a fifth of its own
# products held back. See BENCHMARKS.md.
WEIGHTS = {"confidence": 1.0, "nearness": 0.5, "usualness": 0.5, "typicality": 1.0}
_SMALLEST = 1e-6  # probability, or standard deviation
_OWN = np.nextafter(np.float32(UNKNOWN_FROM), np.float32(0))  # the highest score of our own


@dataclass(frozen=True)
class Evidence:
    """What speaks for n photos being something that is sold; higher is more so.

    Attributes:
        confidence: log of how much more probable the best label is than the second.
        nearness: mean similarity of the `VIEWS` nearest views.
        usualness: how usual the features are; None where the model does not tell.
        typicality: how typical of one class they are, NaN for photos of labels whose features the
            model does not know; None where it tells of no photo.
    """

    confidence: NDArray[np.float32]
    nearness: NDArray[np.float32]
    usualness: NDArray[np.float32] | None
    typicality: NDArray[np.float32] | None

    @classmethod
    def of(
        cls,
        confidence: NDArray[np.float32],
        familiarity: NDArray[np.float32],
        nearest: NDArray[np.float32],
    ) -> "Evidence":
        """Collect the evidence.

        Args:
            confidence: (n,), see `confidence_of`.
            familiarity: (n, 0 to 2), as the network tells it.
            nearest: (n, views) float32, similarities of the nearest views, -inf where there are
                fewer.
        """
        found = np.isfinite(nearest)
        mean = np.where(found, nearest, 0).sum(axis=1) / np.maximum(found.sum(axis=1), 1)
        told = familiarity.shape[1]
        return cls(
            confidence,
            np.where(found.any(axis=1), mean, -1).astype(np.float32),
            familiarity[:, 0] if told else None,
            familiarity[:, 1] if told > 1 else None,
        )

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Return what is known, by name, (n,) each."""
        told = {name: value for name, value in vars(self).items() if value is not None}
        return {name: value.astype(np.float64) for name, value in told.items()}


def confidence_of(predictions: PhotoPredictions, *, exclusive: bool) -> NDArray[np.float32]:
    """Return the log of how much more probable the best label is than the second, (n,).

    Args:
        predictions: what the network says of n photos.
        exclusive: whether a photo has exactly one label; else the labels of the category tree,
            of which it has one, are compared.
    """
    return margin_of(predictions.probabilities if exclusive else predictions.shares)


def margin_of(shares: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the log of how much greater the greatest share is than the second, (n,).

    Args:
        shares: (n, labels) float32.
    """
    none = np.zeros((len(shares), 2), np.float32)  # there may be fewer than two
    best = -np.sort(-np.concatenate([shares, none], axis=1), axis=1)[:, :2]
    first, second = np.log(np.maximum(best, _SMALLEST)).T
    return np.asarray(first - second, np.float32)


@dataclass(frozen=True)
class UnknownJudge:
    """Says how foreign a photo looks; made for one model together with one index version.

    Attributes:
        model_fingerprint: the model.
        false_rejects: the share of own photos that may be called unknown.
        val_photos: how many photos it was made from.
        means: mean of each kind of evidence over the val photos.
        spreads: its standard deviation.
        weights: how much it counts; the judge's own, so that it judges as it was made to.
        threshold: what the sum has to exceed.
    """

    model_fingerprint: str
    false_rejects: float
    val_photos: int
    means: Mapping[str, float]
    spreads: Mapping[str, float]
    weights: Mapping[str, float]
    threshold: float

    @classmethod
    def fitted(
        cls, evidence: Evidence, model_fingerprint: str, false_rejects: float
    ) -> "UnknownJudge | None":
        """Make a judge of what was found for val photos; None where they are too few.

        Args:
            evidence: of m val photos.
            model_fingerprint: the model that was asked.
            false_rejects: the share of own photos that may be called unknown, within 0..1.
        """
        columns = evidence.columns()
        photos = len(evidence.confidence)
        # The quantile of a new photo among m others; without enough of them there is none. The
        # tiny part keeps 100 * .56 = 56.00000000000001 from taking one more.
        rank = int(np.ceil((photos + 1) * (1 - false_rejects) - 1e-9))
        if photos < LEAST_VAL or rank > photos:
            return None
        told = {name: value[~np.isnan(value)] for name, value in columns.items()}
        told = {name: value if len(value) else np.zeros(1) for name, value in told.items()}
        means = {name: float(value.mean()) for name, value in told.items()}
        spreads = {name: max(float(value.std()), _SMALLEST) for name, value in told.items()}
        weights = {name: WEIGHTS[name] for name in columns}
        judge = cls(model_fingerprint, false_rejects, photos, means, spreads, weights, 0.0)
        return replace(judge, threshold=float(np.sort(judge._sums(evidence))[rank - 1]))

    def scores(self, evidence: Evidence) -> NDArray[np.float32]:
        """Return how foreign n photos look, (n,) within 0..1; unknown from `UNKNOWN_FROM` on.

        Raises:
            ValueError: the evidence is not of the kinds that the judge was made from.
        """
        beyond = self._sums(evidence) - self.threshold
        scores = sigmoid(beyond).astype(np.float32)
        # On the threshold lies a photo of val, or many: they are still our own, however the
        # scores are rounded.
        return np.where(beyond > 0, np.maximum(scores, UNKNOWN_FROM), np.minimum(scores, _OWN))

    def _sums(self, evidence: Evidence) -> NDArray[np.float64]:
        columns = evidence.columns()
        if columns.keys() != self.means.keys():
            raise ValueError(f"judged by {sorted(self.means)}, given {sorted(columns)}")
        sums = np.zeros(len(evidence.confidence))
        for name, value in columns.items():
            # The logarithm of how seldom a photo of our own has so little of it.
            # What is not told of a photo counts as much as that of the middle photo of our own.
            usual = np.where(np.isnan(value), self.means[name], value)
            sums -= self.weights[name] * log_ndtr((usual - self.means[name]) / self.spreads[name])
        return sums

    def to_json(self) -> dict[str, Any]:
        """Return what the version keeps."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "UnknownJudge":
        """Read what the version keeps.

        Raises:
            KeyError, TypeError, ValueError: it is not that.
        """
        means = {str(name): float(value) for name, value in document["means"].items()}
        spreads = {str(name): float(value) for name, value in document["spreads"].items()}
        weights = {str(name): float(value) for name, value in document["weights"].items()}
        threshold = float(document["threshold"])
        known = means.keys() == spreads.keys() == weights.keys() <= WEIGHTS.keys()
        told = [threshold, *means.values(), *spreads.values(), *weights.values()]
        if not known or not np.isfinite(told).all() or min(spreads.values()) <= 0:
            raise ValueError(f"no judge is made from {means}, {spreads}, {weights}, {threshold}")
        return cls(
            str(document["model_fingerprint"]),
            float(document["false_rejects"]),
            int(document["val_photos"]),
            means,
            spreads,
            weights,
            threshold,
        )
