"""Index versions with codes at a few thousand rows, without photos or a network."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from indexer.index_plan import RECALL, IndexPlan
from indexer.shop import Current, Shop
from indexer.version_writer import Recipe, write_version
from indexer.versions import IndexVersion
from indexer.view_rows import ViewRows
from vsearch.progress import Progress, silent
from vsearch.taxonomy import CategoryPath

PLAN = IndexPlan(exact_rows=1000, recall_sample=200)
CATEGORY_ROWS = 500


def clustered_rows(seed: int, rows: int, dim: int = 32, clusters: int = 40) -> NDArray[np.float32]:
    """Return unit vectors in no order, (rows, dim) float32, in clusters as a network gives them."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((clusters, dim))
    vectors = centres[rng.integers(0, clusters, rows)] + 0.5 * rng.standard_normal((rows, dim))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(unit, np.float32)


def write_rows(
    shop: Shop,
    vectors: NDArray[np.float32],
    *,
    recall: float = RECALL,
    plan: IndexPlan = PLAN,
    progress: Progress = silent,
    blocks: Callable[[NDArray[np.float32]], Iterator[NDArray[np.float32]]] | None = None,
    path_of: Callable[[int], CategoryPath] = lambda category: (f"C{category}",),
) -> IndexVersion:
    """Write a version of one item a row, five hundred to a category, and publish it."""
    views = _views(len(vectors), path_of)
    recipe = Recipe("e" * 16, "a" * 16, vectors.shape[1], "catalogue", 0, "", recall)
    given = blocks(vectors) if blocks else iter([vectors])
    version = write_version(
        shop, recipe, views, given, lambda *_: None, plan=plan, progress=progress
    )
    shop.publish(Current("a" * 16, version.name))
    return version


def _views(rows: int, path_of: Callable[[int], CategoryPath]) -> ViewRows:
    keys = np.arange(rows)
    hashes = np.zeros((rows, 32), np.uint8)
    hashes[:, -8:] = keys.astype(">u8").view(np.uint8).reshape(-1, 8)
    paths = {number + 1: path_of(number) for number in range(-(-rows // CATEGORY_ROWS))}
    return ViewRows(keys // CATEGORY_ROWS + 1, keys, keys, hashes, keys, paths)
