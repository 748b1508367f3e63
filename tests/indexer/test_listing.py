"""Items listed under a filter, against a plain sort."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.filters import parse_filter
from indexer.listing import Sort, listing
from indexer.records import ItemRow, PhotoRow, Value
from indexer.shop import Shop
from vsearch.errors import ShopError
from vsearch.taxonomy import CategoryPath

APPLE, PEAR, FRUIT, SALE = ("Fruit", "Apple"), ("Fruit", "Pear"), ("Fruit",), ("Sale",)
ROWS: dict[str, tuple[CategoryPath, list[CategoryPath], str, dict[str, Value]]] = {
    "gala": (APPLE, [], "Gala, a red apple", {"price": 2.5, "colour": "red"}),
    "granny": (APPLE, [SALE], "Granny Smith", {"price": 1.0, "colour": "green"}),
    "conference": (PEAR, [], "Conference pear", {"colour": "green"}),
    "basket": (FRUIT, [], "Basket with an apple and a pear", {"price": 30.0}),
    "offer": (SALE, [], "An offer", {"price": 2.5, "colour": "red"}),
}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Shop.create(tmp_path / "shop") as made:
        made.catalogue.set_attribute_types({"price": "float", "colour": "text"}, lambda v, _: v)
        made.catalogue.upsert_items(
            ItemRow(
                item_id,
                title,
                category,
                (PhotoRow(item_id, Path("/p.jpg"), 1, 1),),
                tuple(further),
                attributes=attributes,
            )
            for item_id, (category, further, title, attributes) in ROWS.items()
        )
        yield made


def ids(shop: Shop, *categories: CategoryPath, where: str = "", **asked: object) -> list[str]:
    wanted = parse_filter(where, shop.columns.fields()) if where else None
    sort = asked.pop("sort", None)
    order = Sort.parse(shop, str(sort)) if sort else None
    found = listing(shop, categories, wanted, sort=order, **asked)  # type: ignore[arg-type]
    assert found.total >= len(found.items)
    return [item.item_id for item in found.items]


def test_items_come_as_they_were_imported(shop: Shop) -> None:
    assert ids(shop) == list(ROWS)
    assert ids(shop, FRUIT) == ["gala", "granny", "conference", "basket"]
    assert ids(shop, SALE, PEAR) == ["granny", "conference", "offer"]
    assert ids(shop, where="colour = 'red' and price < 3") == ["gala", "offer"]


def test_items_are_sorted_with_those_without_a_value_last(shop: Shop) -> None:
    assert ids(shop, sort="price") == ["granny", "gala", "offer", "basket", "conference"]
    assert ids(shop, sort="-price") == ["basket", "gala", "offer", "granny", "conference"]
    assert ids(shop, FRUIT, sort="title") == ["basket", "conference", "gala", "granny"]


def test_pages_join_to_the_whole(shop: Shop) -> None:
    pages = [ids(shop, sort="price", start=start, count=2) for start in range(0, 6, 2)]
    assert [item for page in pages for item in page] == ids(shop, sort="price")
    assert ids(shop, start=5) == []
    assert listing(shop, start=4, count=3).total == 5


def test_words_choose_and_rank(shop: Shop) -> None:
    assert set(ids(shop, text="apple")) == {"gala", "granny", "basket"}  # of title or category
    assert ids(shop, APPLE, text="smith") == ["granny"]
    assert ids(shop, text="apple pear", sort="-price")[0] == "basket"
    assert ids(shop, text="umbrella") == []
    with pytest.raises(ShopError, match="needs 1 to 32 words"):
        ids(shop, text="…")


def test_changes_show_at_once(shop: Shop) -> None:
    assert ids(shop, where="colour = 'green'") == ["granny", "conference"]
    shop.delete(["granny"])
    assert ids(shop, where="colour = 'green'") == ["conference"]


def test_what_has_no_order_is_told(shop: Shop) -> None:
    with pytest.raises(ShopError, match="did you mean “price”"):
        Sort.parse(shop, "-prize")
    with pytest.raises(ShopError, match="a category has no order"):
        Sort.parse(shop, "category")
    for start, count in ((-1, 5), (0, 0)):
        with pytest.raises(ValueError, match="a page needs"):
            listing(shop, start=start, count=count)
