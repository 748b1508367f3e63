"""Peers that are measured where they are installed: hnswlib, usearch, lancedb, qdrant-client."""

import warnings
from math import isqrt
from pathlib import Path

import numpy as np

from tests.benchmarks.search_data import K, Rows, Vectors
from tests.benchmarks.search_engines import WIDTHS, Engine, Exact, FaissHnsw, Ours


class Hnswlib(Engine):
    """A filter is a Python function that is asked about every row."""

    package, parameter, efforts = "hnswlib", "ef", WIDTHS

    def build(self, vectors: Vectors, categories: Rows, folder: Path) -> None:
        import hnswlib  # noqa: PLC0415

        index = hnswlib.Index(space="ip", dim=vectors.shape[1])
        index.init_index(len(vectors))
        index.add_items(vectors)
        index.save_index(str(folder / "hnswlib.bin"))
        np.save(folder / "categories.npy", categories)

    def open(self, folder: Path) -> None:
        import hnswlib  # noqa: PLC0415

        self._categories = np.load(folder / "categories.npy")
        self._index = hnswlib.Index(space="ip", dim=256)
        self._index.load_index(str(folder / "hnswlib.bin"))
        self._index.set_num_threads(1)
        self._members: dict[int, list[bool]] = {}

    def search(self, queries: Vectors, effort: int, category: int | None) -> Rows:
        self._index.set_ef(effort)
        if category is None:
            return np.asarray(self._index.knn_query(queries, K)[0], np.int64)
        if category not in self._members:
            self._members[category] = (self._categories == category).tolist()
        belongs = self._members[category].__getitem__
        found = np.full((len(queries), K), -1, np.int64)
        for i, query in enumerate(queries):
            try:
                found[i] = self._index.knn_query(query, K, filter=belongs)[0]
            except RuntimeError:
                continue  # it found fewer than K, and then tells none of them
        return found


class Usearch(Engine):
    """Its Python interface has no filter."""

    package, parameter, efforts = "usearch", "expansion", WIDTHS
    filters = False

    def build(self, vectors: Vectors, categories: Rows, folder: Path) -> None:
        from usearch.index import Index  # noqa: PLC0415

        index = Index(ndim=vectors.shape[1], metric="ip", dtype="f32")
        index.add(np.arange(len(vectors)), vectors)
        index.save(folder / "index.usearch")

    def open(self, folder: Path) -> None:
        from usearch.index import Index  # noqa: PLC0415

        self._index = Index.restore(folder / "index.usearch")

    def search(self, queries: Vectors, effort: int, category: int | None) -> Rows:
        self._index.expansion_search = effort
        found = np.full((len(queries), K), -1, np.int64)
        keys = np.asarray(self._index.search(queries, K, threads=1).keys, np.int64)
        keys = keys.reshape(len(queries), -1)
        found[:, : keys.shape[1]] = keys
        return found


class Lancedb(Engine):
    """IVF-PQ whose ten times K best are read again; a filter is SQL over an indexed column."""

    package, parameter, efforts = "lancedb", "nprobes", (8, 32, 128)

    def build(self, vectors: Vectors, categories: Rows, folder: Path) -> None:
        import lancedb  # noqa: PLC0415
        import pyarrow as pa  # noqa: PLC0415
        from lancedb.index import Bitmap, IvfPq  # noqa: PLC0415

        flat = pa.array(np.ascontiguousarray(vectors).reshape(-1))
        column = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
        rows = pa.array(np.arange(len(vectors)))
        data = pa.table({"row": rows, "category": pa.array(categories), "vector": column})
        table = lancedb.connect(folder).create_table("rows", data)
        parts = isqrt(len(vectors))
        told = IvfPq(distance_type="dot", num_partitions=parts, num_sub_vectors=64)
        table.create_index("vector", config=told)
        table.create_index("category", config=Bitmap())

    def open(self, folder: Path) -> None:
        import lancedb  # noqa: PLC0415

        self._table = lancedb.connect(folder).open_table("rows")

    def search(self, queries: Vectors, effort: int, category: int | None) -> Rows:
        found = np.full((len(queries), K), -1, np.int64)
        for i, query in enumerate(queries):
            asked = self._table.search(query).distance_type("dot").nprobes(effort)
            asked = asked.refine_factor(10).limit(K).select(["row", "_distance"])
            if category is not None:
                asked = asked.where(f"category = {category}", prefilter=True)
            rows = asked.to_arrow()["row"].to_numpy()
            found[i, : len(rows)] = rows
        return found


class Qdrant(Engine):
    """Its local mode, which scans everything with NumPy.

    Kept in memory: on a disk it commits point by point.
    """

    package = "qdrant-client"

    def build(self, vectors: Vectors, categories: Rows, folder: Path) -> None:
        np.savez(folder / "rows.npz", vectors=vectors, categories=categories)
        self._fill(vectors, categories)

    def open(self, folder: Path) -> None:
        with np.load(folder / "rows.npz") as rows:
            self._fill(rows["vectors"], rows["categories"])

    def _fill(self, vectors: Vectors, categories: Rows) -> None:
        from qdrant_client import QdrantClient, models  # noqa: PLC0415

        warnings.simplefilter("ignore", UserWarning)  # that this is no server
        self._client = QdrantClient(":memory:")
        told = models.VectorParams(size=vectors.shape[1], distance=models.Distance.DOT)
        self._client.create_collection("rows", vectors_config=told)
        for start in range(0, len(vectors), 1000):
            block = vectors[start : start + 1000]
            numbers = categories[start : start + 1000].tolist()
            ids = list(range(start, start + len(block)))
            points = models.Batch(
                ids=ids, vectors=block.tolist(), payloads=[{"category": n} for n in numbers]
            )
            self._client.upsert("rows", points)

    def search(self, queries: Vectors, effort: int, category: int | None) -> Rows:
        from qdrant_client import models  # noqa: PLC0415

        only = None
        if category is not None:
            match = models.MatchValue(value=category)
            only = models.Filter(must=[models.FieldCondition(key="category", match=match)])
        found = np.full((len(queries), K), -1, np.int64)
        for i, query in enumerate(queries):
            points = self._client.query_points("rows", query=query, limit=K, query_filter=only)
            rows = [point.id for point in points.points]
            found[i, : len(rows)] = rows
        return found


ENGINES: dict[str, type[Engine]] = {
    "ours": Ours,
    "exact": Exact,
    "faiss-hnsw": FaissHnsw,
    "hnswlib": Hnswlib,
    "usearch": Usearch,
    "lancedb": Lancedb,
    "qdrant": Qdrant,
}
