"""Every way to search, under every kind of change, against a plain reading row by row."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer import nearest_rows
from indexer.attributes import convert
from indexer.build import build
from indexer.filters import parse_filter
from indexer.records import Item, ItemRow, PhotoRow, Value
from indexer.search import Searcher
from indexer.shop import Shop
from tests.indexer.tiny_shop import TinyEmbedder, item_row, make_shop, painted
from vsearch.images import load
from vsearch.taxonomy import CategoryPath, is_within

FRUIT, APPLE, PEAR, MILK = ("Fruit",), ("Fruit", "Apple"), ("Fruit", "Pear"), ("Dairy", "Milk")
PATHS = [APPLE, MILK, FRUIT, PEAR, ("Dairy",), ("Fruit", "Apple", "Gala")]
DIM, FINGERPRINT = TinyEmbedder.dim, "e" * 16
Vector = NDArray[np.float32]

pytestmark = pytest.mark.usefixtures("index_device")

FILTERS: dict[str, Callable[[dict[str, Value]], bool]] = {
    "colour = 'red'": lambda told: told.get("colour") == "red",
    "price < 3 and not colour = 'red'": lambda told: (
        told["price"] < 3 and told.get("colour") != "red"  # type: ignore[operator]
    ),
    "colour is null or price >= 7": lambda told: (
        told.get("colour") is None or told["price"] >= 7  # type: ignore[operator]
    ),
}


@dataclass
class Draws:
    """What a run is made of, drawn by one generator."""

    rng: np.random.Generator
    pool: NDArray[np.float32]
    most: int
    photos: int = 0

    def vector(self) -> Vector:
        drawn: Vector = self.pool[self.rng.integers(len(self.pool))]
        return drawn

    def row(self, shop: Shop, item_id: str, *, embedded: bool = True) -> ItemRow:
        """Return an item with new photos, whose embeddings the catalogue knows if so."""
        photos, vectors = [], []
        for position in range(self.rng.integers(1, self.most + 1)):
            self.photos += 1
            name = hashlib.sha256(f"photo {self.photos}".encode()).hexdigest()
            photos.append(PhotoRow(name, shop.path / name, 8, 8, position=position))
            vectors.append((name, self.vector()))
        if embedded:
            shop.catalogue.put_embeddings(FINGERPRINT, vectors)
        return self.with_photos(item_id, tuple(photos))

    def with_photos(self, item_id: str, photos: tuple[PhotoRow, ...]) -> ItemRow:
        """Return an item with these photos and everything else drawn anew."""
        path, further = (PATHS[i] for i in self.rng.integers(0, len(PATHS), 2))
        colour = (None, "red", "green")[self.rng.integers(3)]
        told: dict[str, Value] = {"price": int(self.rng.integers(10))}
        told |= {"colour": colour} if colour else {}
        paths = (further,) if self.rng.integers(4) == 0 else ()
        return ItemRow(item_id, "", path, photos, further_paths=paths, attributes=told)


def change(shop: Shop, draws: Draws, item_id: str, kind: str) -> None:
    """Change an item: what it is, its photos, or whether there is one."""
    item = shop.catalogue.get(item_id)
    if kind == "add" or item is None:
        shop.catalogue.upsert_items([draws.row(shop, item_id)])
        return
    photos = shop.catalogue.photos_of(item.key)
    if kind == "photos":
        shop.catalogue.upsert_items([draws.row(shop, item_id)])
    elif kind == "not embedded":
        shop.catalogue.upsert_items([draws.row(shop, item_id, embedded=False)])
    elif kind == "move":
        kept = tuple(PhotoRow(p.content_hash, p.path, 8, 8, position=p.position) for p in photos)
        shop.catalogue.upsert_items([draws.with_photos(item_id, kept)])
    else:
        for photo in photos:
            shop.catalogue.reject_photo(photo.key, "withdrawn")


@dataclass(frozen=True)
class View:
    """A view that may be found: its item, its vector, and its place among equal scores."""

    item: Item
    vector: Vector
    place: int


def views_now(shop: Shop, searcher: Searcher) -> list[View]:
    """Read all views that the catalogue has embeddings of, one by one."""
    version = searcher.version
    rows = {photo: row for row, photo in enumerate(version.photo_keys.tolist())}
    paths = {r: p.path for p in version.categories for r in range(p.start, p.stop)}
    found = []
    for item, photo in shop.catalogue.views("catalogue"):
        vector = shop.catalogue.embeddings(FINGERPRINT, [photo.content_hash])
        row = rows.get(photo.key)
        stands = row is not None and paths[row] == item.category
        place = (0, row, 0, 0) if stands else (1, item.key, photo.position, photo.key)
        if vector:
            found.append((place, item, vector[photo.content_hash]))
    ranked = sorted(found, key=lambda one: one[0])
    return [View(item, vector, place) for place, (_, item, vector) in enumerate(ranked)]


def by_hand(
    views: Sequence[View], query: Vector, top_k: int, fits: Callable[[Item], bool], least: float
) -> list[tuple[int, float]]:
    """Return (item_key, score) as the Searcher promises them."""
    best: dict[int, tuple[float, int]] = {}
    for view in views:
        score = float(np.float32(view.vector.astype(np.float64) @ query.astype(np.float64)))
        if fits(view.item) and score >= least:
            best.setdefault(view.item.key, (-score, view.place))
            best[view.item.key] = min(best[view.item.key], (-score, view.place))
    ranked = sorted(best, key=lambda key: best[key])[:top_k]
    return [(key, min(-best[key][0], 1.0)) for key in ranked]


KINDS = ("add", "photos", "not embedded", "move", "take out")


@pytest.mark.parametrize("cost", [10**9, 4, 0], ids=["searched wider", "both", "gathered"])
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_search_is_what_a_plain_reading_gives(cost: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), "seed"))
    pool = rng.standard_normal((data.draw(st.sampled_from([2, 5, 200]), "vectors"), DIM))
    pool = (pool / np.linalg.norm(pool, axis=1, keepdims=True)).astype(np.float32)
    draws = Draws(rng, pool, data.draw(st.sampled_from([1, 3, 9]), "views"))
    names = [f"item-{i}" for i in range(data.draw(st.integers(0, 25), "items"))]
    embedder = TinyEmbedder()
    with (
        pytest.MonkeyPatch.context() as patch,
        TemporaryDirectory() as folder,
        Shop.create(Path(folder) / "shop") as shop,
    ):
        patch.setattr(nearest_rows, "GATHERED_COST", cost)
        patch.setattr(nearest_rows, "_SPARE", 1)
        patch.setattr(nearest_rows, "_BLOCK", 5)
        shop.catalogue.set_attribute_types({"price": "int", "colour": "text"}, convert)
        shop.catalogue.upsert_items([draws.row(shop, name) for name in names])
        assert build(shop, embedder=embedder).embedded == 0
        searcher = Searcher.open(shop, embedder=embedder)
        for _ in range(data.draw(st.integers(1, 3), "rounds")):
            for _ in range(data.draw(st.integers(0, 8), "changes")):
                name = f"item-{rng.integers(len(names) + 5)}"
                change(shop, draws, name, KINDS[rng.integers(len(KINDS))])
            check(shop, searcher, draws, data)


def check(shop: Shop, searcher: Searcher, draws: Draws, data: st.DataObject) -> None:
    """Compare a few searches of all kinds with the plain reading."""
    views = views_now(shop, searcher)
    used = sorted({path for one in shop.catalogue.items() for path in (one.category[:1],)})
    wanted: list[CategoryPath] = []
    if used:
        paths = sorted({*used, *(item.category for item in shop.catalogue.items())})
        wanted = data.draw(st.lists(st.sampled_from(paths), max_size=2), "categories")
    text = data.draw(st.sampled_from([None, *FILTERS]), "where")
    where = parse_filter(text, shop.columns.fields()) if text else None

    def fits(item: Item) -> bool:
        own = (item.category, *item.further_paths)
        inside = not wanted or any(is_within(path, c) for path in own for c in wanted)
        return inside and (text is None or FILTERS[text](item.attributes))

    top_k = data.draw(st.integers(1, 30), "top_k")
    least = data.draw(st.sampled_from([-1.0, 0.2]), "min_score")
    queries = np.stack([draws.vector() for _ in range(4)])
    answers = searcher.items.hits(queries, top_k, wanted, where=where, min_score=least)
    for query, hits in zip(queries, answers, strict=True):
        expected = by_hand(views, query, top_k, fits, least)
        assert [hit.item.key for hit in hits] == [key for key, _ in expected]
        assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected])


def test_what_a_build_embedded_is_found_by_searchers_that_were_open_before(tmp_path: Path) -> None:
    embedder = TinyEmbedder()
    with (
        make_shop(tmp_path, {"old": (APPLE, [1])}) as shop,
        Shop.open(shop.path) as other,
    ):
        build(shop, embedder=embedder)
        searcher = Searcher.open(other, embedder=embedder)
        new = item_row(tmp_path / "source", "new", PEAR, [2])
        shop.catalogue.upsert_items([new])
        query = embedder(load(painted(2), embedder.spec)[None]).embeddings
        (hits,) = searcher.items.hits(query)
        assert [hit.item.item_id for hit in hits] == ["old"]  # the new one waits
        content = new.photos[0].content_hash
        shop.catalogue.put_embeddings("f" * 16, [(content, -query[0])])  # another network's
        (hits,) = searcher.items.hits(query)
        assert [hit.item.item_id for hit in hits] == ["old"]
        shop.catalogue.put_embeddings(FINGERPRINT, [(content, query[0])])
        (hits,) = searcher.items.hits(query)
        assert [hit.item.item_id for hit in hits] == ["new", "old"]


def test_the_opposite_of_a_query_is_found_however_it_is_rounded(tmp_path: Path) -> None:
    embedder = TinyEmbedder()
    with make_shop(tmp_path, {"old": (APPLE, [1])}) as shop:
        build(shop, embedder=embedder)
        vector = embedder(load(painted(1), embedder.spec)[None]).embeddings
        opposite = -vector * np.float32(1.00005)
        (hits,) = Searcher.open(shop, embedder=embedder).items.hits(opposite)
        assert [(hit.item.item_id, hit.score) for hit in hits] == [("old", -1.0)]
