"""The Searcher against a plain reading of what it promises."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.build import build
from indexer.records import ItemRow, PhotoRow
from indexer.search import Searcher
from indexer.shop import Shop
from tests.indexer.tiny_shop import TinyEmbedder, item_row, make_shop, painted
from vsearch.data import Label
from vsearch.errors import CategoryError, FingerprintMismatchError, ShopError, VersionError
from vsearch.images import Crop, ImageError
from vsearch.taxonomy import CategoryPath, is_within

FRUIT, APPLE, PEAR, MILK = ("Fruit",), ("Fruit", "Apple"), ("Fruit", "Pear"), ("Dairy", "Milk")
PATHS = [APPLE, MILK, FRUIT, PEAR, ("Dairy",), ("Fruit", "Apple", "Gala")]
DIM = TinyEmbedder.dim

ITEMS = {
    "gala": (APPLE, [0, 1, 2, 3, 4, 5]),  # many views, so that it could crowd others out
    "fuji": (APPLE, [10]),
    "conference": (PEAR, [20, 21]),
    "whole": (MILK, [30]),
    "basket": (FRUIT, [40]),
}
LABELS = (Label("apple", APPLE), Label("pear", PEAR), Label("milk", MILK))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with make_shop(tmp_path, ITEMS) as shop:
        build(shop, embedder=TinyEmbedder(LABELS))
        yield shop


@pytest.fixture
def searcher(shop: Shop) -> Searcher:
    return Searcher.open(shop, embedder=TinyEmbedder(LABELS))


def test_a_catalogue_photo_finds_its_item_and_every_item_once(searcher: Searcher) -> None:
    result = searcher.search(painted(21), top_k=5)
    found = [hit.item.item_id for hit in result.hits]
    assert found[0] == "conference"
    assert sorted(found) == sorted(ITEMS)
    scores = [hit.score for hit in result.hits]
    assert scores[0] == pytest.approx(1, abs=1e-6)
    assert scores == sorted(scores, reverse=True)
    photos = searcher.shop.catalogue.photos_by_key([result.hits[0].photo_key])
    shown = photos[result.hits[0].photo_key].content_hash
    assert shown == hashlib.sha256(painted(21)).hexdigest()
    assert (result.model, result.index) == ("a" * 16, searcher.version.name)


def test_labels_and_categories_come_from_the_same_pass(searcher: Searcher) -> None:
    before = searcher.embedder.photos  # type: ignore[attr-defined]
    result = searcher.search(painted(99))
    assert searcher.embedder.photos == before + 1  # type: ignore[attr-defined]
    by_name = {label.name: label.probability for label in result.labels}
    assert sum(by_name.values()) == pytest.approx(1, abs=1e-6)
    assert [label.probability for label in result.labels] == sorted(by_name.values(), reverse=True)
    by_path = {category.path: category.probability for category in result.categories}
    assert by_path[FRUIT] == pytest.approx(by_name["apple"] + by_name["pear"], abs=1e-6)
    assert by_path[MILK] == pytest.approx(by_name["milk"], abs=1e-6)
    order = [category.path for category in result.categories]
    assert order.index(("Dairy",)) + 1 == order.index(MILK)  # equal: the parent first
    assert result.unknown is None
    classified = searcher.classify(painted(99))
    assert (classified.labels, classified.categories) == (result.labels, result.categories)
    assert classified.hits == ()


def test_timings_add_up(searcher: Searcher) -> None:
    timings = searcher.search(painted(99)).timings
    assert list(timings) == ["decode", "embed", "search", "total"]
    assert min(timings.values()) > 0
    assert timings.pop("total") == pytest.approx(sum(timings.values()))


@pytest.mark.parametrize(
    ("categories", "expected"),
    [
        ([FRUIT], {"gala", "fuji", "conference", "basket"}),
        ([APPLE], {"gala", "fuji"}),
        ([PEAR, MILK], {"conference", "whole"}),
        ([MILK, ("Dairy",)], {"whole"}),
    ],
)
def test_a_category_restricts_exactly_to_its_subtree(
    searcher: Searcher, categories: list[CategoryPath], expected: set[str]
) -> None:
    for seed in (0, 21, 30):
        hits = searcher.search(painted(seed), top_k=4, categories=categories).hits
        assert {hit.item.item_id for hit in hits} == expected
        hits = searcher.search(painted(seed), top_k=1, categories=categories).hits
        assert len(hits) == 1


def test_a_crop_is_what_is_looked_at(searcher: Searcher) -> None:
    whole = searcher.search(painted(21), top_k=1)
    part = searcher.search(painted(21), top_k=1, crop=Crop(0, 0, 0.5, 0.5))
    assert part.hits[0].score < whole.hits[0].score - 0.01


def test_what_the_catalogue_takes_away_is_no_hit_at_once(shop: Shop, searcher: Searcher) -> None:
    gala = shop.catalogue.get("gala")
    assert gala is not None
    for photo in shop.catalogue.photos_of(gala.key):
        shop.catalogue.reject_photo(photo.key, "the supplier withdrew it")
    found = [hit.item.item_id for hit in searcher.search(painted(0), top_k=4).hits]
    assert sorted(found) == ["basket", "conference", "fuji", "whole"]
    hits = searcher.search(painted(0), top_k=2, categories=[APPLE]).hits
    assert [hit.item.item_id for hit in hits] == ["fuji"]


def test_a_hit_shows_the_item_as_it_is_now(shop: Shop, searcher: Searcher) -> None:
    folder = shop.path.parent / "source"
    shop.catalogue.upsert_items([item_row(folder, "fuji", PEAR, [10])])  # it moved
    assert searcher.search(painted(10), top_k=1).hits[0].item.category == PEAR
    in_apple = searcher.search(painted(10), top_k=5, categories=[APPLE]).hits
    assert [hit.item.item_id for hit in in_apple] == ["gala"]


def test_an_unknown_category_is_an_error_and_an_empty_one_is_not(
    shop: Shop, searcher: Searcher
) -> None:
    for path, told in (
        (("Nuts",), "Nuts"),
        (("Apple",), "Apple"),
        (("Fruit", "Kiwi"), "Fruit > Kiwi"),
    ):
        with pytest.raises(CategoryError, match=f"no category “{told}”"):
            searcher.search(painted(0), categories=[path])
    folder = shop.path.parent / "source"
    shop.catalogue.upsert_items([item_row(folder, "walnut", ("Nuts",), [50])])
    assert searcher.search(painted(0), categories=[("Nuts",)]).hits == ()


def test_wrong_questions_are_told(searcher: Searcher) -> None:
    with pytest.raises(ValueError, match="top_k must be at least 1"):
        searcher.search(painted(0), top_k=0)
    with pytest.raises(ImageError, match="no picture"):
        searcher.search(b"no photo at all")


def test_an_empty_shop_has_no_hits(tmp_path: Path) -> None:
    with make_shop(tmp_path, {}) as shop:
        build(shop, embedder=TinyEmbedder())
        searcher = Searcher.open(shop, embedder=TinyEmbedder())
        assert searcher.search(painted(0)).hits == ()
        assert searcher.search_embeddings(np.zeros((0, DIM), np.float32)) == []


def test_opening_tells_what_is_missing(shop: Shop, tmp_path: Path) -> None:
    other = TinyEmbedder(embedding_fingerprint="f" * 16)
    with pytest.raises(FingerprintMismatchError, match=r"e{16}, model a{16} makes f{16}: run"):
        Searcher.open(shop, embedder=other)
    name = shop.current().index
    assert name is not None
    (shop.indexes / name / "vectors.npy").unlink()
    with pytest.raises(VersionError, match=r"vectors.npy has 0 bytes"):
        Searcher.open(shop, embedder=TinyEmbedder())
    with (
        make_shop(tmp_path / "new", {}) as empty,
        pytest.raises(ShopError, match="no index yet: run `vsearch build"),
    ):
        Searcher.open(empty, embedder=TinyEmbedder())


def test_the_json_has_the_keys_that_scripts_read(searcher: Searcher) -> None:
    told = searcher.search(painted(10), top_k=2).to_json()
    assert set(told) == {
        "labels", "categories", "unknown", "unknown_score", "hits", "model", "index",
        "restricted", "timings"
    }  # fmt: skip
    hits = told["hits"]
    assert isinstance(hits, list)
    assert hits[0]["item_id"] == "fuji"
    assert hits[0]["category"] == "Fruit > Apple"
    assert hits[0]["score"] == pytest.approx(1, abs=1e-6)


def test_threads_share_a_searcher(searcher: Searcher) -> None:
    seeds = [seed for _, seeds in ITEMS.values() for seed in seeds] * 5
    alone = [searcher.search(painted(seed), top_k=3).hits for seed in seeds]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda seed: searcher.search(painted(seed), top_k=3).hits, seeds))
    assert together == alone


def test_importing_search_needs_neither_faiss_nor_jax() -> None:
    program = "import sys, indexer.search; print({'faiss', 'jax'} & set(sys.modules))"
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=root, check=True, capture_output=True, text=True
    )
    assert ran.stdout.strip() == "set()"


def put_items(
    shop: Shop, categories: Sequence[CategoryPath], views: Sequence[Sequence[NDArray[np.float32]]]
) -> None:
    """Add items with the given vectors as if their photos had been embedded."""
    rows, vectors = [], []
    for i, (category, own) in enumerate(zip(categories, views, strict=True)):
        photos = []
        for j, vector in enumerate(own):
            name = hashlib.sha256(f"{i} {j}".encode()).hexdigest()
            photos.append(PhotoRow(name, shop.path / name, 8, 8, position=j))
            vectors.append((name, vector))
        rows.append(ItemRow(f"item-{i}", "", category, tuple(photos)))
    shop.catalogue.upsert_items(rows)
    shop.catalogue.put_embeddings("e" * 16, vectors)


def by_hand(
    rows: list[tuple[int, CategoryPath, NDArray[np.float32]]],
    live: dict[int, CategoryPath],
    query: NDArray[np.float32],
    top_k: int,
    categories: list[CategoryPath],
) -> list[tuple[int, float]]:
    """Return (item_key, score) as the Searcher promises them, read row by row.

    `rows` are item, category and vector as built; `live` the category now of items still sold.
    """

    def inside(path: CategoryPath) -> bool:
        return not categories or any(is_within(path, wanted) for wanted in categories)

    best: dict[int, tuple[np.float32, int]] = {}
    for row, (key, category, vector) in enumerate(rows):
        if key in live and inside(category) and inside(live[key]):
            score = np.float32(np.dot(vector.astype(np.float64), query.astype(np.float64)))
            if key not in best or score > best[key][0]:
                best[key] = (score, row)
    ranked = sorted(best, key=lambda key: (-best[key][0], best[key][1]))[:top_k]
    return [(key, min(float(best[key][0]), 1.0)) for key in ranked]


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_search_is_what_a_plain_reading_gives(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), "seed"))
    pool = rng.standard_normal((data.draw(st.sampled_from([2, 5, 200]), "vectors"), DIM))
    pool = (pool / np.linalg.norm(pool, axis=1, keepdims=True)).astype(np.float32)
    count = data.draw(st.integers(1, 25), "items")
    categories = [PATHS[i] for i in rng.integers(0, len(PATHS), count)]
    most = data.draw(st.sampled_from([1, 3, 12]), "views")
    views = [pool[rng.integers(0, len(pool), rng.integers(1, most + 1))] for _ in range(count)]
    with TemporaryDirectory() as folder, Shop.create(Path(folder) / "shop") as shop:
        put_items(shop, categories, views)
        built = shop.catalogue.views("catalogue")
        vectors = shop.catalogue.embeddings("e" * 16, [photo.content_hash for _, photo in built])
        rows = [(item.key, item.category, vectors[photo.content_hash]) for item, photo in built]
        embedder = TinyEmbedder()
        assert build(shop, embedder=embedder).embedded == 0
        searcher = Searcher.open(shop, embedder=embedder)
        for i in rng.permutation(count)[: data.draw(st.integers(0, count // 2), "changed")]:
            change(shop, f"item-{i}", PATHS[rng.integers(len(PATHS))], bool(rng.integers(2)))
        live = {item.key: item.category for item in shop.catalogue.items("ok")}
        queries = pool[rng.integers(0, len(pool), 6)]
        top_k = data.draw(st.integers(1, 30), "top_k")
        indexed = sorted(set(categories) | {path[:1] for path in categories})
        wanted = data.draw(st.lists(st.sampled_from(indexed), max_size=3), "categories")
        answers = searcher.search_embeddings(queries, top_k, wanted)
        for query, hits in zip(queries, answers, strict=True):
            expected = by_hand(rows, live, query, top_k, wanted)
            assert [hit.item.key for hit in hits] == [key for key, _ in expected]
            assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected])


def change(shop: Shop, item_id: str, category: CategoryPath, move: bool) -> None:
    """Move an item to another category, or take it out of the shop."""
    item = shop.catalogue.get(item_id)
    assert item is not None
    photos = shop.catalogue.photos_of(item.key)
    if move:
        kept = tuple(PhotoRow(p.content_hash, p.path, 8, 8, position=p.position) for p in photos)
        shop.catalogue.upsert_items([ItemRow(item_id, "", category, kept)])
    else:
        for photo in photos:
            shop.catalogue.reject_photo(photo.key, "withdrawn")
