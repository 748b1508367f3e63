"""A Gaussian of many dimensions, found from few rows: probabilistic principal components.

Tipping & Bishop, Probabilistic Principal Component Analysis, Journal of the Royal Statistical
Society B 61 (1999), 611–622.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_VARIANCE = 1e-4  # of features whose variance is 1
MOST_ROWS = 2048  # the covariance of more is hardly better known, and takes long
FOLDS, FEW_PHOTOS = 5, 500


@dataclass(frozen=True)
class Gaussian:
    """Mean 0; the principal axes with their variances, the largest first, and the total variance.

    A model of q axes has the first q variances along these and, across all other directions, the
    mean of what is left of the total.
    """

    basis: NDArray[np.float32]  # (features, axes), orthonormal columns
    variances: NDArray[np.float64]  # (axes,)
    total: float

    @classmethod
    def of(cls, rows: NDArray[np.float32], axes: int) -> "Gaussian":
        """Fit to rows (n, features) whose mean is 0, n ≥ 2, with `axes` axes at most.

        The smaller of the two products of the rows with themselves is decomposed, so it takes
        little time where either rows or features are few.
        """
        n, features = rows.shape
        axes = min(axes, n - 1, features - 1)
        product = rows @ rows.T if n < features else rows.T @ rows
        variances, vectors = np.linalg.eigh(product / np.float32(n))
        variances, vectors = variances[::-1][:axes], vectors[:, ::-1][:, :axes]
        basis = rows.T @ vectors if n < features else vectors
        basis = basis / np.maximum(np.linalg.norm(basis, axis=0), 1e-12)[None]
        # An axis has no direction of its own; whichever the solver returns, this one is kept.
        largest = np.take_along_axis(basis, np.abs(basis).argmax(axis=0)[None], axis=0)
        return cls(
            np.where(largest < 0, -basis, basis),
            np.maximum(variances.astype(np.float64), LEAST_VARIANCE),
            float(np.square(rows, dtype=np.float64).sum() / n),
        )

    def noise(self) -> NDArray[np.float64]:
        """Return the noise variance of the models of 0, 1, … axes, (axes + 1,)."""
        left = self.total - np.concatenate([[0.0], np.cumsum(self.variances)])
        directions = len(self.basis) - np.arange(len(left))
        return np.asarray(np.maximum(left / directions, LEAST_VARIANCE))

    def losses(self, unseen: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return how unlikely the models of 0, 1, … axes find rows (n, features), (axes + 1,).

        It is twice the mean negative log-likelihood in nats, less a constant.
        """
        counts = np.arange(len(self.variances) + 1)
        known = np.concatenate([[0.0], np.cumsum(np.log(self.variances))])
        volume = known + (len(self.basis) - counts) * np.log(self.noise())
        return np.asarray(volume + self._distances(unseen).mean(axis=0))

    def scores(self, rows: NDArray[np.float32], axes: int) -> NDArray[np.float64]:
        """Return minus the squared Mahalanobis distance a feature of rows (n, features), (n,)."""
        return -self._distances(rows)[:, axes] / len(self.basis)

    def padded(self, axes: int, dim: int) -> tuple[NDArray[np.float32], NDArray[np.float64], float]:
        """Return basis (features, dim), variances (dim,) and noise variance of the model of `axes`.

        Further columns are further axes, with the noise variance, and zero where there are none.
        """
        noise = float(self.noise()[axes])
        basis = np.zeros((len(self.basis), dim), np.float32)
        basis[:, : self.basis.shape[1]] = self.basis
        variances = np.full(dim, noise)
        variances[:axes] = self.variances[:axes]
        return basis, variances, noise

    def _distances(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return squared Mahalanobis distances under all models, (n, axes + 1)."""
        squares = np.square(rows @ self.basis, dtype=np.float64)
        none = np.zeros((len(rows), 1))
        along = np.concatenate([none, np.cumsum(squares / self.variances[None], axis=1)], axis=1)
        beside = np.square(rows, dtype=np.float64).sum(axis=1, keepdims=True)
        beside = beside - np.concatenate([none, np.cumsum(squares, axis=1)], axis=1)
        return np.asarray(along + np.maximum(beside, 0.0) / self.noise()[None])


def held_out_scores(
    photos: NDArray[np.float16],
    mean: NDArray[np.float32],
    spread: NDArray[np.float32],
    most_axes: int,
    rng: np.random.Generator,
) -> tuple[int, NDArray[np.float64]]:
    """Return the number of axes that suits held-out photos best, and their scores with it.

    A fifth of the photos is held out; where photos are few, each fifth in turn.

    Args:
        photos: features (photos, renderings, features); the first rendering is scored.
        mean: what features are standardised by, (features,).
        spread: likewise.
        most_axes: how many axes a model may have.
        rng: draws what is held out.
    """
    folds = np.array_split(rng.permutation(len(photos))[:MOST_ROWS], FOLDS)
    models, unseen = [], []
    for held in folds if len(photos) <= FEW_PHOTOS else folds[:1]:
        rest = np.setdiff1d(np.concatenate(folds), held)
        rows = (sample_rows(photos[rest], rng) - mean) / spread
        models.append(Gaussian.of(rows, most_axes))
        unseen.append((photos[held, 0].astype(np.float32) - mean) / spread)
    losses = [model.losses(rows) for model, rows in zip(models, unseen, strict=True)]
    shortest = min(map(len, losses))
    axes = int(np.mean([loss[:shortest] for loss in losses], axis=0).argmin())
    scores = [model.scores(rows, axes) for model, rows in zip(models, unseen, strict=True)]
    return axes, np.concatenate(scores)


def sample_rows(photos: NDArray[np.float16], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return all renderings (photos, renderings, features) as rows, or `MOST_ROWS` at random."""
    flat = photos.reshape(-1, photos.shape[-1])
    if len(flat) > MOST_ROWS:
        flat = flat[rng.choice(len(flat), MOST_ROWS, replace=False)]
    return flat.astype(np.float32)
