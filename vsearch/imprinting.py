"""Class vectors from the embeddings of a class's photos, without training.

The weights of a class that a network has never been trained on are the mean direction of its
photos' embeddings (Qi, Brown & Lowe, Low-Shot Learning with Imprinted Weights, CVPR 2018,
arXiv:1712.07136). Where the photos form clusters, each has a vector of its own.
"""

import numpy as np
from numpy.typing import NDArray

MOST_VECTORS = 4
# Rousseeuw, Silhouettes, 1987: from this mean silhouette on a reasonable structure has been found
# (Kaufman & Rousseeuw, Finding Groups in Data, 1990). With .25, a weak one, types of clothes got
# two or three vectors each, and were recognised no better for it.
LEAST_SILHOUETTE = 0.5
LEAST_PHOTOS = 3  # in a cluster: fewer may be odd ones
MOST_CLUSTERED = 2048  # photos whose clusters are looked for; others join the nearest
MOST_JUDGED = 512  # photos; the silhouette of more is hardly better known, and takes long
_ROUNDS, _STARTS = 25, 4


def class_vectors(
    embeddings: NDArray[np.float32], most: int = MOST_VECTORS, seed: int = 0
) -> NDArray[np.float32]:
    """Return what a class with these photos is recognised by, (vectors, dim) float32 unit rows.

    Args:
        embeddings: of its photos, (n ≥ 1, dim) float32, unit rows.
        most: how many vectors it may have.
        seed: draws what clusters start from.
    """
    return cluster_means(embeddings, clusters(embeddings, most, seed))


def cluster_means(embeddings: NDArray[np.float32], own: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the mean direction of every cluster, (clusters, dim) float32 unit rows.

    Args:
        embeddings: (n, dim) float32, unit rows.
        own: the cluster of each, as `clusters` returns them.
    """
    sums = _sums(embeddings.astype(np.float64), own, int(own.max()) + 1)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(sums / np.maximum(lengths, 1e-12), np.float32)


def clusters(
    embeddings: NDArray[np.float32], most: int = MOST_VECTORS, seed: int = 0
) -> NDArray[np.int64]:
    """Return the cluster of each photo, (n,) int64 from 0 on, the largest first.

    Spherical k-means (Dhillon & Modha 2001) of 2 to `most` clusters; the number with the highest
    mean silhouette is taken if that says that there is structure, else all are one. Of more photos
    than `MOST_CLUSTERED` as many decide where the clusters are, and which is the largest.

    Args:
        embeddings: (n ≥ 1, dim) float32, unit rows.
        most: how many clusters there may be.
        seed: draws what clusters start from, and which photos are looked at where there are many.
    """
    if len(embeddings) > MOST_CLUSTERED:
        order = np.random.default_rng(seed).permutation(len(embeddings))
        some = embeddings[np.sort(order[:MOST_CLUSTERED])]
        means = cluster_means(some, clusters(some, most, seed))
        return np.asarray((embeddings @ means.T).argmax(axis=1), np.int64)
    rows = embeddings.astype(np.float64)
    best, score = np.zeros(len(rows), np.int64), LEAST_SILHOUETTE
    for count in range(2, min(most, len(rows) // LEAST_PHOTOS) + 1):
        own = _spherical_means(rows, count, np.random.default_rng((seed, count)))
        if np.bincount(own, minlength=count).min() < LEAST_PHOTOS:
            continue
        found = _silhouette(rows, own, np.random.default_rng(seed))
        if found > score:
            best, score = own, found
    order = np.argsort(-np.bincount(best), kind="stable")
    return np.asarray(np.argsort(order)[best], np.int64)


def _spherical_means(
    rows: NDArray[np.float64], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the best of a few runs of k-means by cosine."""
    runs = [_run(rows, _spread_out(rows, count, rng)) for _ in range(_STARTS)]
    return max(runs, key=lambda run: run[0])[1]


def _run(
    rows: NDArray[np.float64], centres: NDArray[np.float64]
) -> tuple[float, NDArray[np.int64]]:
    own = (rows @ centres.T).argmax(axis=1)
    for _ in range(_ROUNDS):
        sums = _sums(rows, own, len(centres))
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(lengths > 1e-12, sums / np.maximum(lengths, 1e-12), centres)
        moved = (rows @ centres.T).argmax(axis=1)
        if (moved == own).all():
            break
        own = moved
    return float((rows @ centres.T).max(axis=1).sum()), own


def _sums(rows: NDArray[np.float64], own: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Return the sum of each cluster's rows, (count, dim); a product is far quicker than adding."""
    members = (own[None] == np.arange(count)[:, None]).astype(np.float64)
    return np.asarray(members @ rows)


def _spread_out(
    rows: NDArray[np.float64], count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return starting centres: each is drawn by how far it lies from those before (k-means++)."""
    chosen = [int(rng.integers(len(rows)))]
    for _ in range(count - 1):
        far = np.maximum(1 - (rows @ rows[chosen].T).max(axis=1), 0)
        total = far.sum()
        alike = np.full(len(rows), 1 / len(rows))
        chosen.append(int(rng.choice(len(rows), p=far / total if total > 1e-9 else alike)))
    return rows[chosen]


def _silhouette(
    rows: NDArray[np.float64], own: NDArray[np.int64], rng: np.random.Generator
) -> float:
    """Return the mean silhouette by cosine distance; -1 where a cluster is not among the judged."""
    kept = np.sort(rng.permutation(len(rows))[:MOST_JUDGED])
    rows, own = rows[kept], own[kept]
    distances = 1 - rows @ rows.T
    members = own[None] == np.arange(own.max() + 1)[:, None]
    counts = members.sum(axis=1)
    if counts.min() < 2:
        return -1.0
    mean = distances @ members.T / counts[None]
    at = np.arange(len(rows)), own
    within = mean[at] * counts[own] / (counts[own] - 1)  # the photo itself, at distance 0, is out
    mean[at] = np.inf
    beside = mean.min(axis=1)
    return float(((beside - within) / np.maximum(np.maximum(within, beside), 1e-12)).mean())
