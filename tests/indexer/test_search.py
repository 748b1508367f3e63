"""The Searcher against a plain reading of what it promises."""

import hashlib
import io
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer import close_matches
from indexer.build import build
from indexer.records import ItemRow, PhotoRow
from indexer.search import Searcher
from indexer.shop import Shop
from indexer.versions import IndexVersion
from tests.indexer.tiny_shop import TinyEmbedder, add_further, item_row, make_shop, painted
from vsearch.data import Label
from vsearch.errors import CategoryError, FingerprintMismatchError, ShopError, VersionError
from vsearch.images import Crop, ImageError, decode, load
from vsearch.taxonomy import CategoryPath

pytestmark = pytest.mark.usefixtures("index_device")

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
        assert searcher.items.hits(np.zeros((0, DIM), np.float32)) == []


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


def test_a_version_that_is_pruned_while_it_is_opened_gives_way_to_the_one_that_serves(
    shop: Shop, searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = IndexVersion.open

    def open_late(folder: Path) -> IndexVersion:
        monkeypatch.undo()
        new = item_row(shop.path.parent / "source", "new", APPLE, [99])
        shop.catalogue.upsert_items([new])
        build(shop, embedder=TinyEmbedder())
        shutil.rmtree(folder)
        return opened(folder)

    monkeypatch.setattr(IndexVersion, "open", open_late)
    later = Searcher.open(shop, embedder=TinyEmbedder())
    assert searcher.version.name != later.version.name == shop.current().index
    shutil.rmtree(later.version.folder)
    with pytest.raises(VersionError, match="no index version"):
        Searcher.open(shop, embedder=TinyEmbedder())


def test_more_items_than_there_are_may_be_asked_for(searcher: Searcher) -> None:
    found = searcher.search(painted(0), top_k=10**12).hits
    assert {hit.item.item_id for hit in found} == set(ITEMS)


def test_the_json_has_the_keys_that_scripts_read(searcher: Searcher) -> None:
    told = searcher.search(painted(10), top_k=2).to_json()
    assert set(told) == {
        "labels", "categories", "unknown", "unknown_score", "hits", "model", "index",
        "restricted", "same_photo", "timings"
    }  # fmt: skip
    hits = told["hits"]
    assert isinstance(hits, list)
    assert hits[0]["item_id"] == "fuji"
    assert hits[0]["category"] == "Fruit > Apple"
    assert hits[0]["score"] == pytest.approx(1, abs=1e-6)


def test_the_very_photo_is_told(shop: Shop, searcher: Searcher) -> None:
    told = searcher.search(painted(21)).same_photo
    assert told is not None
    assert told.to_json() == {"item_id": "conference", "same_file": True}
    assert searcher.search(painted(99)).same_photo is None
    assert searcher.search(painted(21), crop=Crop(0, 0, 0.9, 0.9)).same_photo is None
    row = add_further(shop, "gala", 77, "test")  # held out: not of the catalogue
    assert searcher.search(row.path.read_bytes()).same_photo is None


@pytest.mark.parametrize(("side", "kind"), [(50, "PNG"), (200, "JPEG"), (1500, "WEBP")])
def test_a_copy_of_a_photo_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: int, kind: str
) -> None:
    """The same picture at another size and quality; a picture of something else is told at once."""
    decoded: list[bytes] = []

    def counted(data: bytes, **asked: Any) -> Image.Image:
        decoded.append(data)
        return decode(data, **asked)

    monkeypatch.setattr(close_matches, "decode", counted)
    drawn = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 6, 3), np.uint8)).resize(
        (240, 240), Image.Resampling.BICUBIC
    )
    with make_shop(tmp_path, {"gala": (APPLE, [0]), "fuji": (APPLE, [1])}) as shop:
        folder = tmp_path / "source"
        drawn.save(folder / "drawn.png")
        data = (folder / "drawn.png").read_bytes()
        photo = PhotoRow(hashlib.sha256(data).hexdigest(), folder / "drawn.png", 240, 240)
        shop.catalogue.upsert_items([ItemRow("drawn", "", PEAR, (photo,))])
        build(shop, embedder=TinyEmbedder())
        searcher = Searcher.open(shop, embedder=TinyEmbedder())
        copy = io.BytesIO()
        drawn.resize((side, side)).save(copy, kind, quality=80)
        told = searcher.search(copy.getvalue()).same_photo
        assert told is not None
        assert (told.item_id, told.same_file) == ("drawn", False)
        assert copy.getvalue() in decoded
        other = io.BytesIO()
        drawn.rotate(90).resize((side, side)).save(other, "PNG")
        assert searcher.search(other.getvalue()).same_photo is None
        assert other.getvalue() not in decoded


def test_more_like_an_item(shop: Shop, searcher: Searcher) -> None:
    hits = searcher.items.similar("gala", top_k=4)
    assert sorted(hit.item.item_id for hit in hits) == ["basket", "conference", "fuji", "whole"]
    own = searcher.embedder(load(painted(0), TinyEmbedder.spec)[None]).embeddings
    (asked,) = searcher.items.hits(own, 5)
    assert [hit for hit in asked if hit.item.item_id != "gala"] == hits
    assert [hit.item.item_id for hit in searcher.items.similar("gala", categories=[MILK])] == [
        "whole"
    ]
    assert searcher.items.similar("gala", min_score=0.999) == []
    with pytest.raises(ShopError, match="no item “kiwi”"):
        searcher.items.similar("kiwi")
    shop.catalogue.upsert_items([item_row(tmp_folder(shop), "new", APPLE, [50])])
    with pytest.raises(ShopError, match="“new” waits for its embedding"):
        searcher.items.similar("new")


def tmp_folder(shop: Shop) -> Path:
    return shop.path.parent / "source"


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
