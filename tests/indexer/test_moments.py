"""A search sees one moment, whatever other processes change between any two of its readings."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.attributes import convert
from indexer.build import build
from indexer.filter_syntax import Filter
from indexer.filters import parse_filter
from indexer.records import Item, ItemRow, PhotoRow
from indexer.search import Searcher
from indexer.shop import Shop
from tests.indexer.test_search_live import (
    DIM,
    FILTERS,
    FINGERPRINT,
    FRUIT,
    KINDS,
    Draws,
    View,
    by_hand,
    change,
    views_now,
)
from tests.indexer.tiny_shop import TinyEmbedder, item_row, make_shop, painted
from vsearch.errors import ShopError
from vsearch.images import content_hash, load
from vsearch.taxonomy import CategoryPath, is_within

CHEAP = "price < 3 and not colour = 'red'"
ITEMS = [f"item-{n}" for n in range(12)]


@dataclass
class Meddler:
    """Changes a shop as another process would, whenever a searcher has read something.

    Attributes:
        moments: what there was to find before, between and after its changes.
    """

    searcher: Searcher
    draws: Draws
    other: Shop
    left: int = 0
    moments: list[list[View]] = field(default_factory=list)

    @contextmanager
    def at_work(self, changes: int) -> Iterator[None]:
        """Make so many changes at most, as long as this lasts."""
        catalogue = self.searcher.shop.catalogue
        read = type(catalogue)._rows
        thread = threading.current_thread()

        def rows(query: str, *values: object) -> list[sqlite3.Row]:
            told = read(catalogue, query, *values)
            if threading.current_thread() is thread and self.left:
                self.left -= 1
                self.meddle()
            return told

        self.left = changes
        self.moments = [views_now(self.other, self.searcher)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(catalogue, "_rows", rows)
            yield

    def meddle(self) -> None:
        rng = self.draws.rng
        change(self.other, self.draws, ITEMS[rng.integers(len(ITEMS))], KINDS[rng.integers(5)])
        self.moments.append(views_now(self.other, self.searcher))
        items = self.searcher.items
        locks = items._follower._lock, items.shop.columns._lock
        if rng.integers(2) and not any(lock.locked() for lock in locks):
            # Another thread asks at a later moment, and what they share goes further.
            with ThreadPoolExecutor(1) as pool:
                pool.submit(items.hits, self.draws.vector()[None], 3, [], where=self.cheap).result()

    @property
    def cheap(self) -> Filter:
        return parse_filter(CHEAP, self.other.columns.fields())


def fits(item: Item, categories: Sequence[CategoryPath], where: str | None) -> bool:
    own = (item.category, *item.further_paths)
    inside = not categories or any(is_within(path, c) for path in own for c in categories)
    return inside and (where is None or FILTERS[where](item.attributes))


@contextmanager
def meddled(seed: int) -> Iterator[Meddler]:
    """Provide a built shop that has changed since, and who is to change it further."""
    rng = np.random.default_rng(seed)
    pool = rng.standard_normal((50, DIM))
    pool = (pool / np.linalg.norm(pool, axis=1, keepdims=True)).astype(np.float32)
    draws = Draws(rng, pool, most=3)
    with TemporaryDirectory() as folder, Shop.create(Path(folder) / "shop") as shop:
        shop.catalogue.set_attribute_types({"price": "int", "colour": "text"}, convert)
        shop.catalogue.upsert_items([draws.row(shop, name) for name in ITEMS])
        build(shop, embedder=TinyEmbedder())
        searcher = Searcher.open(shop, embedder=TinyEmbedder())
        with Shop.open(shop.path) as other:
            for name in ITEMS[::2]:
                change(other, draws, name, KINDS[rng.integers(5)])
            yield Meddler(searcher, draws, other)


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    changes=st.integers(1, 12),
    where=st.sampled_from([None, *FILTERS]),
    within=st.booleans(),
)
def test_an_answer_is_that_of_one_moment(
    seed: int, changes: int, where: str | None, within: bool
) -> None:
    with meddled(seed) as meddler:
        categories = [FRUIT] if within else []
        wanted = parse_filter(where, meddler.other.columns.fields()) if where else None
        meddler.searcher.items.check(5, categories)
        query = meddler.draws.vector()
        with meddler.at_work(changes):
            (hits,) = meddler.searcher.items.hits(query[None], 5, categories, where=wanted)
        assert all(fits(hit.item, categories, where) for hit in hits)
        found = [hit.item.key for hit in hits]
        answers = [
            [key for key, _ in by_hand(views, query, 5, lambda i: fits(i, categories, where), -1.0)]
            for views in meddler.moments
        ]
        assert found in answers


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 2**32 - 1), changes=st.integers(1, 12))
def test_what_has_the_words_fits_the_filter_too(seed: int, changes: int) -> None:
    with meddled(seed) as meddler:
        cheap, query = meddler.cheap, meddler.draws.vector()
        with meddler.at_work(changes):
            hits = meddler.searcher.items.with_text(query, "green", 9, where=cheap)
        assert all(fits(hit.item, [], CHEAP) for hit in hits)


@pytest.mark.parametrize("restrict", ["off", "auto"])
def test_a_photo_is_answered_as_of_one_moment(restrict: str) -> None:
    """The judge's views, the hits and the photo that is the same are read one after another."""
    embedder = TinyEmbedder()
    with meddled(5) as meddler:
        photo = painted(1)
        (vector,) = embedder(load(photo, embedder.spec)[None]).embeddings
        row = PhotoRow(content_hash(photo), Path("/photos/1.png"), 8, 8)
        meddler.other.catalogue.put_embeddings(FINGERPRINT, [(row.content_hash, vector)])
        same = ItemRow("same", "", FRUIT, (row,), attributes={"price": 1})
        meddler.other.catalogue.upsert_items([same])
        searcher = meddler.searcher
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(meddler, "meddle", lambda: meddler.other.delete(["same"]))
            with meddler.at_work(changes=1):
                told = searcher.search(photo, top_k=3, restrict=restrict)  # type: ignore[arg-type]
        assert told.hits[0].item.item_id == "same"
        assert told.same_photo is not None
        assert told.same_photo.item_id == "same"
        assert searcher.search(photo, top_k=3).same_photo is None


def test_threads_and_a_writer_leave_no_answer_that_breaks_its_filter() -> None:
    with meddled(3) as meddler:
        searcher, cheap = meddler.searcher, meddler.cheap
        ended = threading.Event()

        def ask(_: int) -> int:
            asked = 0
            while not ended.is_set():
                (hits,) = searcher.items.hits(meddler.draws.pool[:1], 12, [FRUIT], where=cheap)
                assert all(fits(hit.item, [FRUIT], CHEAP) for hit in hits)
                asked += 1
            return asked

        with ThreadPoolExecutor(3) as pool:
            asking = [pool.submit(ask, n) for n in range(3)]
            for _ in range(60):
                rng = meddler.draws.rng
                name = ITEMS[rng.integers(len(ITEMS))]
                change(meddler.other, meddler.draws, name, KINDS[rng.integers(5)])
            ended.set()
            assert min(one.result() for one in asking) > 0


def test_a_catalogue_that_was_put_back_is_told_and_not_waited_for() -> None:
    with meddled(9) as meddler:
        items, cheap, catalogue = meddler.searcher.items, meddler.cheap, meddler.other.catalogue
        change(meddler.other, meddler.draws, "item-0", "add")
        items.hits(meddler.draws.pool[:1], 3, where=cheap)
        with catalogue.transaction() as connection:
            connection.execute(
                "DELETE FROM embeddings WHERE rowid = (SELECT max(rowid) FROM embeddings)"
            )
        assert items.live_rows().marks == catalogue.marks()  # what it was of is found no less
        with catalogue.transaction() as connection:
            connection.execute("DELETE FROM changes WHERE seq = (SELECT max(seq) FROM changes)")
        for ask in (items.live_rows, meddler.searcher.shop.columns.current):
            with pytest.raises(ShopError, match="replaced by an older one while it was in use"):
                ask()


def test_columns_are_there_where_they_are_needed_without_a_field(tmp_path: Path) -> None:
    with make_shop(tmp_path, {"apple": (("Fruit",), [1]), "pear": (("Fruit",), [2])}) as shop:
        build(shop, embedder=TinyEmbedder())
        items = Searcher.open(shop, embedder=TinyEmbedder()).items
        with items.moment() as plain:
            assert plain.columns is None
            with items.moment(columns=True) as counted:  # the one that is open has none
                assert counted.columns is not None
                assert counted.columns.mask(None).sum() == 2
                with items.moment() as within:
                    assert within is counted


def test_within_a_moment_marks_are_asked_once_and_after_it_anew(tmp_path: Path) -> None:
    with make_shop(tmp_path, {"apple": (("Fruit",), [1])}) as shop:
        catalogue = shop.catalogue
        before = catalogue.seq()
        with catalogue.moment() as connection:
            asked: list[str] = []
            connection.set_trace_callback(asked.append)
            assert [catalogue.seq() for _ in range(3)] == [before] * 3
            connection.set_trace_callback(None)
            assert len(asked) == 1
            with catalogue.transaction():  # this sees what it writes
                catalogue.upsert_items([item_row(tmp_path, "pear", ("Fruit",), [2])])
                assert catalogue.seq() > before
            assert catalogue.seq() == before
        assert catalogue.seq() > before
