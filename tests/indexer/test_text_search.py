"""Words and looks: full text, reciprocal rank, both under filters and changes."""

from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from indexer.attributes import convert
from indexer.build import build
from indexer.catalogue import Catalogue
from indexer.filters import parse_filter
from indexer.fusion import CONSTANT, fused
from indexer.records import ItemRow, PhotoRow
from indexer.search import Searcher
from indexer.shop import Shop
from tests.indexer.test_schema import write_old
from tests.indexer.tiny_shop import TinyEmbedder, make_shop, painted, photo_row
from vsearch.errors import ShopError
from vsearch.taxonomy import CategoryPath

SHIRT, SOCKS = ("Wear", "Shirt"), ("Wear", "Socks")
TITLES = {
    "one": ("Blue striped shirt", SHIRT, "cotton"),
    "two": ("Plain shirt", SHIRT, "linen"),
    "three": ("Chemise rayée bleue", SHIRT, "cotton"),
    "four": ("Striped socks", SOCKS, "wool"),
    "five": ("Hat", ("Hats",), "wool"),
}


def row(shop: Shop, item_id: str, told: tuple[str, CategoryPath, str], seed: int) -> ItemRow:
    title, category, cloth = told
    photo = photo_row(shop.path.parent / "source", seed)
    return ItemRow(item_id, title, category, (photo,), attributes={"cloth": cloth})


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with make_shop(tmp_path, {}) as shop:
        shop.catalogue.set_attribute_types({"cloth": "text"}, convert)
        rows = [row(shop, name, told, i) for i, (name, told) in enumerate(TITLES.items())]
        shop.catalogue.upsert_items(rows)
        build(shop, embedder=TinyEmbedder())
        yield shop


def named(shop: Shop, text: str) -> list[str]:
    items = shop.catalogue.get_many(list(shop.catalogue.items_by_text(text)))
    return [items[key].item_id for key in shop.catalogue.items_by_text(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("striped", {"one", "four"}),
        ("STRIPED", {"one", "four"}),
        ("rayee", {"three"}),
        ("raye\u0301e", {"three"}),
        ("cloth", set()),  # an attribute's name is not the item's
        ("cotton", {"one", "three"}),
        ("socks", {"four"}),
        ("hats", {"five"}),
        ("nothing-like-it", set()),
        ('striped" OR "hat', {"one", "four", "five"}),  # words, never operators
        ("title : NEAR(hat)", {"five"}),
    ],
)
def test_words_are_found_in_titles_attributes_and_categories(
    shop: Shop, text: str, found: set[str]
) -> None:
    assert set(named(shop, text)) == found


def test_words_of_attributes_stand_alone_whatever_lies_between(shop: Shop) -> None:
    told = ("Mat", ("Mats",), 'soft\nwoven\t"natural"\\fair “straw”')
    shop.catalogue.upsert_items([row(shop, "six", told, 9)])
    for word in ("soft", "woven", "natural", "fair", "straw"):
        assert named(shop, word) == ["six"]
    shop.catalogue.upsert_items([row(shop, "six", (*told[:2], "reed\nwoven"), 9)])
    assert (named(shop, "straw"), named(shop, "woven"), named(shop, "reed")) == (
        [],
        ["six"],
        ["six"],
    )
    shop.catalogue.delete_items(["six"])
    assert named(shop, "mats woven") == []


def test_more_of_the_words_come_first(shop: Shop) -> None:
    assert named(shop, "blue striped shirt")[0] == "one"


@pytest.mark.parametrize("text", ["", "  ", "!?", "word " * 33])
def test_a_text_needs_words(shop: Shop, text: str) -> None:
    with pytest.raises(ShopError, match="needs 1 to 32 words"):
        next(shop.catalogue.items_by_text(text))


def test_words_follow_every_change(shop: Shop) -> None:
    title, category, cloth = TITLES["five"]
    shop.catalogue.upsert_items([row(shop, "five", ("Striped cap", category, cloth), 4)])
    assert (named(shop, "hat"), set(named(shop, "striped"))) == ([], {"one", "four", "five"})
    shop.catalogue.upsert_items([row(shop, "five", (title, SOCKS, "silk"), 4)])
    assert (named(shop, "hats"), named(shop, "silk")) == ([], ["five"])
    assert set(named(shop, "socks")) == {"four", "five"}
    item = shop.catalogue.get("four")
    assert item is not None
    for photo in shop.catalogue.photos_of(item.key):
        shop.catalogue.reject_photo(photo.key, "withdrawn")
    assert named(shop, "socks") == ["five"]
    with shop.catalogue.transaction() as connection:
        connection.execute("DELETE FROM items WHERE item_id = 'five'")
    assert named(shop, "silk") == []


def test_ranks_are_joined() -> None:
    assert fused([[1, 2, 3], [3, 4]]) == [3, 1, 2, 4]
    assert fused([[1, 2], [2, 1]]) == [1, 2]
    assert fused([[], []]) == []
    worth = dict.fromkeys((5, 6, 7), 0.0)
    for ranking in ([5, 6, 7], [7, 5]):
        for rank, key in enumerate(ranking, 1):
            worth[key] += 1 / (CONSTANT + rank)
    assert fused([[5, 6, 7], [7, 5]]) == sorted(worth, key=lambda key: -worth[key])


def test_looks_and_words_together(shop: Shop) -> None:
    searcher = Searcher.open(shop, embedder=TinyEmbedder())
    photo = painted(4)  # the hat's
    plain = searcher.search(photo)
    assert plain.hits[0].item.item_id == "five"
    both = searcher.search(photo, text="striped")
    assert {hit.item.item_id for hit in both.hits} == set(TITLES)
    order = [hit.item.item_id for hit in both.hits]
    looks = [hit.item.item_id for hit in plain.hits]
    assert order == fused_names(looks, named(shop, "striped"))
    scores = {hit.item.item_id: hit.score for hit in plain.hits}
    assert {hit.item.item_id: hit.score for hit in both.hits} == scores
    within = searcher.search(photo, text="striped", categories=[SOCKS])
    assert [hit.item.item_id for hit in within.hits] == ["four"]
    where = parse_filter("cloth = 'cotton'", shop.columns.fields())
    found = searcher.search(photo, text="striped", where=where).hits
    assert {hit.item.item_id for hit in found} == {"one", "three"}
    assert searcher.search(photo, text="striped", min_score=0.999).hits == plain.hits[:1]


def fused_names(*rankings: list[str]) -> list[str]:
    places = {name: i for i, name in enumerate(dict.fromkeys(chain(*rankings)))}
    names = list(places)
    return [names[key] for key in fused([[places[name] for name in one] for one in rankings])]


def test_a_new_item_is_found_by_its_words_at_once(shop: Shop) -> None:
    searcher = Searcher.open(shop, embedder=TinyEmbedder())
    new = row(shop, "six", ("Polka dots", SHIRT, "silk"), 60)
    vector = np.ones(TinyEmbedder.dim, np.float32) / np.float32(TinyEmbedder.dim**0.5)
    shop.catalogue.put_embeddings("e" * 16, [(new.photos[0].content_hash, vector)])
    shop.catalogue.upsert_items([new])
    assert searcher.search(painted(1), text="polka", top_k=2).hits[0].item.item_id in {"six", "two"}
    assert "six" in {h.item.item_id for h in searcher.search(painted(1), text="polka").hits}


def test_a_catalogue_from_before_words_has_the_words_of_its_items(tmp_path: Path) -> None:
    with closing(Catalogue.open(write_old(tmp_path / "catalogue.db", 2))) as migrated:
        assert list(migrated.items_by_text("gala")) == list(migrated.items_by_text("apple")) == [1]
        photo = PhotoRow("aa", Path("/photos/a.jpg"), 30, 20)
        migrated.upsert_items([ItemRow("gala", "Striped", ("Fruit", "Pear"), (photo,))])
        assert list(migrated.items_by_text("apple")) == []
        assert (
            list(migrated.items_by_text("striped")) == list(migrated.items_by_text("pear")) == [1]
        )
