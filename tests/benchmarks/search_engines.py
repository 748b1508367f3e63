"""Engines of nearest-neighbour search under one interface: ours, and FAISS's HNSW graph.

Every engine writes its index into a folder and opens it again, as a service would. All search on
one thread and build on all cores, graphs with 16 links a node. `search_peers` has the engines that
need packages of their own.
"""

import json
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import faiss
import numpy as np

from indexer.index_plan import PLAN, IndexPlan
from indexer.shop import Shop
from indexer.version_writer import Recipe, write_version
from indexer.versions import IndexVersion
from indexer.view_rows import ViewRows
from tests.benchmarks.search_data import ENOUGH, K, Rows, Vectors
from vsearch.taxonomy import CategoryPath

WIDTHS = (16, 32, 64, 128, 256, 512)  # of every search in a graph


class Engine(ABC):
    """One way to find nearest rows.

    Attributes:
        package: the distribution that it needs, "" for none beside ours.
        parameter: what its efforts are, "" where there is nothing to choose.
        efforts: the values that are measured, the cheapest first.
        filters: whether it can search within a category.
    """

    package: ClassVar[str] = ""
    parameter: ClassVar[str] = ""
    efforts: ClassVar[Sequence[int]] = (0,)
    filters: ClassVar[bool] = True

    @abstractmethod
    def build(self, vectors: Vectors, categories: Rows, folder: Path) -> None:
        """Write an index of the vectors (rows, DIM) and their categories (rows,)."""

    @abstractmethod
    def open(self, folder: Path) -> None:
        """Make ready to search in what `build` wrote."""

    @abstractmethod
    def search(self, queries: Vectors, effort: int, category: int | None) -> Rows:
        """Return the K nearest rows of every query, (n, K); -1 where fewer are found."""


class Ours(Engine):
    """An index version, written, verified and opened as `vsearch build --recall 0.99` does."""

    plan: ClassVar[IndexPlan] = PLAN

    def build(self, vectors: Vectors, categories: Rows, folder: Path) -> None:
        order = np.argsort(categories, kind="stable")
        views = _views(order, categories[order])
        recipe = Recipe("e" * 16, "a" * 16, vectors.shape[1], "catalogue", 0, "", ENOUGH)
        blocks = (vectors[order[start : start + 4096]] for start in range(0, len(order), 4096))
        shop = Shop.create(folder)
        version = write_version(shop, recipe, views, blocks, lambda *_: None, plan=self.plan)
        (folder / "version.json").write_text(json.dumps(version.name))

    def open(self, folder: Path) -> None:
        name = json.loads((folder / "version.json").read_text())
        self._version = IndexVersion.open(folder / "indexes" / name)

    def search(self, queries: Vectors, effort: int, category: int | None) -> Rows:
        within = None if category is None else self._version.ranges([_path(category)])
        _, rows = self._version.index.search(queries, K, within)
        return np.where(rows < 0, -1, self._version.photo_keys[rows])


class Exact(Ours):
    """The same where everything is scanned, however many rows there are."""

    plan = IndexPlan(exact_rows=sys.maxsize)


def _views(keys: Rows, categories: Rows) -> ViewRows:
    hashes = np.zeros((len(keys), 32), np.uint8)
    hashes[:, -8:] = keys.astype(">u8").view(np.uint8).reshape(-1, 8)
    paths = {number + 1: _path(number) for number in np.unique(categories).tolist()}
    return ViewRows(categories + 1, keys, keys, hashes, keys, paths)


def _path(category: int) -> CategoryPath:
    return (f"Category {category}",)


class FaissHnsw(Engine):
    """FAISS's graph over float32 vectors; a filter is a bitmap that the search is given."""

    parameter, efforts = "efSearch", WIDTHS

    def build(self, vectors: Vectors, categories: Rows, folder: Path) -> None:
        faiss.omp_set_num_threads(os.cpu_count() or 1)
        index = faiss.IndexHNSWFlat(vectors.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 200  # as hnswlib; by default 40, which never gets beyond .98
        index.add(vectors)
        faiss.write_index(index, str(folder / "hnsw.faiss"))
        np.save(folder / "categories.npy", categories)

    def open(self, folder: Path) -> None:
        self._faiss: Any = faiss  # whose types leave half of it out
        faiss.omp_set_num_threads(1)
        self._index = faiss.read_index(str(folder / "hnsw.faiss"))
        self._categories = np.load(folder / "categories.npy")
        self._selectors: dict[int, Any] = {}

    def search(self, queries: Vectors, effort: int, category: int | None) -> Rows:
        params = self._faiss.SearchParametersHNSW(efSearch=effort)
        if category is not None:
            if category not in self._selectors:
                bits = np.packbits(self._categories == category, bitorder="little")
                self._selectors[category] = self._faiss.IDSelectorBitmap(bits)
            params.sel = self._selectors[category]
        rows: Rows = self._index.search(queries, K, params=params)[1]
        return rows
