"""Clustered unit vectors in categories, queries near them, and the exact answers.

What a trained network gives is imitated by a mixture: departments, clusters within them and rows
within those, every level with the same falling spectrum, clusters of very different sizes, rows in
no order. The spectrum and the queries' distance are those of a network trained on grocery-store:
about sixty of 256 directions matter, its customers' photos lie at .81 from the nearest row and at
.75 from the tenth (here .85 and .76), with a local intrinsic dimension of 17 (here 23). Its rows
have one of 7 among themselves, these 23: nothing is made easy. Categories follow the clusters, with
blurred edges and 5 % of the rows astray.

The intrinsic dimension is Levina and Bickel's estimate over 20 neighbours (Maximum Likelihood
Estimation of Intrinsic Dimension, NIPS 2004).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]

DIM = 256
K = 10
ENOUGH = 0.99  # recall@10 that is aimed at, and that filters are measured at where it is reached
SHARES = {"50 %": 0.5, "5 %": 0.05, "0.5 %": 0.005, "0.01 %": 0.0001}
"""The categories that are filtered by, numbers 0 to 3; the rest of the rows are in 20 others."""

_OTHERS = 20
_DEPARTMENTS = 24
_VARIANCES = {"department": 0.25, "cluster": 0.6, "row": 0.15}
_QUERY_VARIANCE = 0.4
_BLOCK = 50_000
_TIE = 1e-6  # scores that float32 cannot tell apart


@dataclass(frozen=True)
class QuerySet:
    """Queries with what an exact search would find.

    Attributes:
        name: what the table calls them.
        category: only rows of this one; None for all.
        vectors: shape (n, DIM), float32, unit length.
        least: shape (n,), float64, the score of the last row that belongs to the answer.
        answers: how many rows make up an answer.
    """

    name: str
    category: int | None
    vectors: Vectors
    least: NDArray[np.float64]
    answers: int


@dataclass(frozen=True)
class SearchData:
    """What all engines are given.

    Attributes:
        vectors: shape (rows, DIM), float32, unit length.
        categories: shape (rows,), int64.
        queries: the first set has no category.
    """

    vectors: Vectors
    categories: Rows
    queries: tuple[QuerySet, ...]

    @classmethod
    def load(cls, folder: Path) -> "SearchData":
        vectors = np.load(folder / "vectors.npy")
        with np.load(folder / "queries.npz") as kept:
            told = zip(
                *(kept[key].tolist() for key in ("names", "numbers", "answers")), strict=True
            )
            sets = tuple(
                QuerySet(
                    name,
                    None if number < 0 else number,
                    kept[f"vectors{i}"],
                    kept[f"least{i}"],
                    answers,
                )
                for i, (name, number, answers) in enumerate(told)
            )
            return cls(vectors, kept["categories"], sets)

    def recall(self, queries: QuerySet, found: Rows) -> float:
        """Return the share of the exact answers among the rows found, (n, any), -1 for none."""
        hits = 0
        for query, least, row in zip(queries.vectors, queries.least, found, strict=False):
            rows = np.unique(row[row >= 0])
            if queries.category is not None:
                rows = rows[self.categories[rows] == queries.category]
            scores = self.vectors[rows].astype(np.float64) @ query.astype(np.float64)
            hits += min(queries.answers, int(np.count_nonzero(scores >= least - _TIE)))
        return hits / (len(found) * queries.answers)


def make(folder: Path, rows: int, seed: int = 0, queries: int = 512, filtered: int = 64) -> None:
    """Write vectors, categories and queries into the folder.

    Args:
        folder: where to; it exists.
        rows: at least some hundred.
        seed: of everything random.
        queries: how many there are without a filter.
        filtered: how many there are from inside and from outside each category.
    """
    rng = np.random.default_rng(seed)
    shape = _Shape(rng, clusters=max(20, min(4000, rows // 50)))
    written = np.lib.format.open_memmap(
        folder / "vectors.npy", mode="w+", dtype=np.float32, shape=(rows, DIM)
    )
    cluster = rng.choice(len(shape.centres), rows, p=shape.sizes)
    for start in range(0, rows, _BLOCK):
        written[start : start + _BLOCK] = shape.rows_of(rng, cluster[start : start + _BLOCK])
    vectors = np.asarray(written)
    categories = _categories(rng, cluster / len(shape.centres))
    sets = list(_query_sets(rng, shape, vectors, categories, queries, filtered))
    arrays: dict[str, NDArray[Any]] = {
        "categories": categories,
        "names": np.array([one.name for one in sets]),
        "numbers": np.array([-1 if one.category is None else one.category for one in sets]),
        "answers": np.array([one.answers for one in sets]),
    }
    arrays |= {f"vectors{i}": one.vectors for i, one in enumerate(sets)}
    arrays |= {f"least{i}": one.least for i, one in enumerate(sets)}
    np.savez(folder / "queries.npz", **arrays)  # type: ignore[arg-type]  # no array is a flag


class _Shape:
    """The mixture: clusters in the order of their departments, so that neighbours are alike."""

    def __init__(self, rng: np.random.Generator, clusters: int) -> None:
        spectrum = np.exp(-np.arange(DIM) / 40)
        self._scale = np.sqrt(spectrum / spectrum.sum()).astype(np.float32)
        self._turn = np.linalg.qr(rng.standard_normal((DIM, DIM)))[0].astype(np.float32)
        department = np.sort(rng.integers(0, _DEPARTMENTS, clusters))
        departments = self._noise(rng, _DEPARTMENTS, _VARIANCES["department"])
        self.centres = departments[department] + self._noise(rng, clusters, _VARIANCES["cluster"])
        sizes = rng.lognormal(sigma=1, size=clusters)
        self.sizes = sizes / sizes.sum()

    def rows_of(self, rng: np.random.Generator, cluster: Rows) -> Vectors:
        return _unit(self.centres[cluster] + self._noise(rng, len(cluster), _VARIANCES["row"]))

    def near(self, rng: np.random.Generator, vectors: Vectors) -> Vectors:
        return _unit(vectors + self._noise(rng, len(vectors), _QUERY_VARIANCE))

    def _noise(self, rng: np.random.Generator, rows: int, variance: float) -> Vectors:
        plain = rng.standard_normal((rows, DIM), np.float32)
        noise: Vectors = (plain * (self._scale * np.float32(variance**0.5))[None]) @ self._turn
        return noise


def _unit(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def _categories(rng: np.random.Generator, place: NDArray[np.float64]) -> Rows:
    """Give every row a category by the place of its cluster within 0..1; the sizes are exact."""
    rows = len(place)
    place = place + rng.normal(scale=0.01, size=rows)
    astray = rng.random(rows) < 0.05
    place[astray] = rng.random(np.count_nonzero(astray))
    sizes = [max(1, round(share * rows)) for share in SHARES.values()]
    ends = np.cumsum([*sizes, *[(rows - sum(sizes)) // _OTHERS] * (_OTHERS - 1)])
    categories = np.empty(rows, np.int64)
    categories[np.argsort(place)] = np.searchsorted(ends, np.arange(rows), side="right")
    return categories


def _query_sets(
    rng: np.random.Generator,
    shape: _Shape,
    vectors: Vectors,
    categories: Rows,
    queries: int,
    filtered: int,
) -> Iterator[QuerySet]:
    def near(rows: Rows, count: int) -> Vectors:
        return shape.near(rng, vectors[rng.choice(rows, count)])

    everywhere = near(np.arange(len(vectors)), queries)
    yield QuerySet("all rows", None, everywhere, exact_least(vectors, everywhere, None), K)
    for number, name in enumerate(SHARES):
        inside = np.flatnonzero(categories == number)
        answers = min(K, len(inside))
        for where, rows in (
            ("inside", inside),
            ("outside", np.flatnonzero(categories != number)),
        ):
            asked = near(rows, filtered)
            least = exact_least(vectors, asked, inside)
            yield QuerySet(f"{name}, from {where}", number, asked, least, answers)


def exact_least(vectors: Vectors, queries: Vectors, rows: Rows | None) -> NDArray[np.float64]:
    """Return the score of the K-th nearest row, or of the last of fewer, (n,) in float64.

    Plain NumPy: no engine is asked about itself.

    Args:
        vectors: shape (all rows, DIM).
        queries: shape (n, DIM).
        rows: only these rows; None for all.
    """
    total = len(vectors) if rows is None else len(rows)
    best = np.full((len(queries), 0), -np.inf)
    for start in range(0, total, _BLOCK):
        stop = min(total, start + _BLOCK)
        block = vectors[start:stop] if rows is None else vectors[rows[start:stop]]
        rough = queries @ block.T
        most = min(4 * K, stop - start)
        candidates = np.argpartition(-rough, most - 1, axis=1)[:, :most]
        wide = block[candidates].astype(np.float64)
        scores = np.vecdot(wide, queries[:, None].astype(np.float64))
        best = -np.sort(-np.concatenate([best, scores], axis=1), axis=1)[:, :K]
    return np.asarray(best[:, -1], np.float64)
