"""Manifests that still use the old names of categories, after the tree was edited."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer import category_edits as edits
from indexer.category_edits_split import by_attribute
from indexer.shop import Shop
from tests.indexer.decided_shop import CATALOGUE, DecidedShop
from vsearch.errors import CategoryError
from vsearch.taxonomy import format_path

APPLE, PEAR, MILK = ("Fruit", "Apple"), ("Fruit", "Pear"), ("Dairy", "Milk")


@pytest.fixture
def decided(tmp_path: Path) -> Iterator[DecidedShop]:
    made = DecidedShop(tmp_path)
    with made.shop:
        yield made


def lies(decided: DecidedShop) -> dict[str, str]:
    """Return the category of each item in state ok."""
    return {item.item_id: format_path(item.category) for item in decided.shop.catalogue.items()}


def nothing_changes(decided: DecidedShop) -> None:
    """Import the same manifest once more."""
    before = decided.state()
    report = decided.take()
    assert decided.state() == before
    assert (report.added, report.changed, report.rejects, report.forgotten) == (0, 0, [], [])


def test_an_import_of_the_same_manifest_undoes_no_edit(decided: DecidedShop) -> None:
    numbers = {item.item_id: item.category_id for item in decided.shop.catalogue.items()}
    edits.rename(decided.shop, "Fruit", "Obst")
    nothing_changes(decided)
    edits.move(decided.shop, "Milk", "Obst")
    nothing_changes(decided)
    edits.merge(decided.shop, "Pear", "Apple")
    nothing_changes(decided)
    edits.retire(decided.shop, "Milk", to="Apple")
    nothing_changes(decided)
    assert set(lies(decided).values()) == {"Obst > Apple"}
    # No row of an index lies elsewhere for it.
    assert numbers == {item.item_id: item.category_id for item in decided.shop.catalogue.items()}


def test_old_and_new_names_lead_to_the_same_category(decided: DecidedShop) -> None:
    edits.rename(decided.shop, "Fruit", "Obst")
    new = ("quince,i.png,Fruit > Quince,yellow,", "plum,j.png,Obst > Plum,blue,")
    report = decided.take((*CATALOGUE, *new))
    assert (report.added, report.changed) == (2, 0)
    assert lies(decided)["quince"] == "Obst > Quince"
    # A manifest that uses the new names changes nothing either.
    renamed = tuple(row.replace("Fruit", "Obst") for row in (*CATALOGUE, *new))
    assert decided.take(renamed).changed == 0


def test_items_of_a_split_category_stay_in_their_parts(decided: DecidedShop) -> None:
    edits.rename(decided.shop, "Apple", "Apples")
    edits.split(decided.shop, "Apples", by_attribute(decided.shop, "colour"))
    assert lies(decided)["apple"] == "Fruit > Apples > red"
    nothing_changes(decided)
    edits.rename(decided.shop, "Apples", "Pome")
    nothing_changes(decided)
    assert lies(decided)["apple"] == "Fruit > Pome > red"
    decided.take((*CATALOGUE, "gala,i.png,Fruit > Apple,red,"))
    assert lies(decided)["gala"] == "Fruit > Pome"  # nobody has said where it belongs
    # A manifest that itself puts an item elsewhere wins.
    decided.take(("apple,a.png,Fruit > Pear,red,h.png", *CATALOGUE[1:]))
    assert lies(decided)["apple"] == "Fruit > Pear"


def test_rows_of_a_retired_category_are_rejected_with_the_reason(decided: DecidedShop) -> None:
    edits.retire(decided.shop, "Pear", remove_items=True)
    report = decided.take()
    (reject,) = report.rejects
    assert (reject.item_id, reject.field, reject.value) == ("pear", "category", "Fruit > Pear")
    assert reject.reason.startswith("its category was retired")
    assert set(lies(decided)) == {"apple", "milk"}
    counts = decided.shop.catalogue.counts(0)
    assert (counts.items, counts.waiting, counts.rejected) == (3, 2, 1)
    # An item that is fine stays as it was.
    moved = (*CATALOGUE[:2], "milk,c.png,Fruit > Pear,white,")
    assert "the item stays as it was" in decided.take(moved).rejects[-1].reason
    assert lies(decided)["milk"] == "Dairy > Milk"
    edits.undo(decided.shop)
    assert decided.take().rejects == []
    assert lies(decided)["pear"] == "Fruit > Pear"


def test_a_name_that_is_forgotten_means_what_it_says(decided: DecidedShop) -> None:
    first = edits.rename(decided.shop, "Apple", "Apples").edit.number
    with pytest.raises(CategoryError, match=rf"is an old name.*`forget {first}` first"):
        edits.rename(decided.shop, "Pear", "Apple")
    edits.forget(decided.shop, first)
    with pytest.raises(CategoryError, match=f"there is no edit {first} that leads"):
        edits.forget(decided.shop, first)
    edits.rename(decided.shop, "Pear", "Apple")
    assert lies(decided) == {
        "apple": "Fruit > Apples", "pear": "Fruit > Apple", "milk": "Dairy > Milk"
    }  # fmt: skip
    decided.take()
    assert lies(decided)["apple"] == "Fruit > Apple"
    (forgotten, second) = decided.shop.catalogue.category_edits()
    assert (forgotten.forgotten, second.forgotten) == (True, False)


def test_a_category_can_be_called_as_before_again(decided: DecidedShop) -> None:
    edits.rename(decided.shop, "Apple", "Apples")
    edits.rename(decided.shop, "Apples", "Apple")
    nothing_changes(decided)
    assert lies(decided)["apple"] == "Fruit > Apple"
    with pytest.raises(CategoryError, match="“Fruit > Apples” is an old name"):
        edits.rename(decided.shop, "Pear", "Apples")


def test_who_asks_for_an_old_name_is_told_the_new_one(decided: DecidedShop) -> None:
    edits.rename(decided.shop, "Apple", "Pome")
    with pytest.raises(CategoryError, match="“Fruit > Apple” is “Fruit > Pome” since edit 1"):
        edits.merge(decided.shop, "Fruit > Apple", "Pear")


def test_decisions_about_categories_follow(decided: DecidedShop) -> None:
    about = {"column": "category", "label": "Fruit > Apple", "new_label": "Fruit > Pear"}
    decided.decide(decided.row("a", "apple", "relabel", **about))
    edits.rename(decided.shop, "Fruit", "Obst")
    assert decided.take().kept_decisions == 1
    assert lies(decided)["apple"] == "Obst > Pear"
    edits.rename(decided.shop, "Pear", "Pears")
    report = decided.take()
    assert (report.kept_decisions, report.forgotten) == (1, [])
    assert lies(decided)["apple"] == "Obst > Pears"
    (settled,) = decided.shop.catalogue.settled()
    assert settled[3] == ("Obst", "Pears")


def test_further_paths_follow_and_come_back(decided: DecidedShop) -> None:
    shop = decided.shop
    row = {
        "item_id": "apple",
        "category": "Fruit > Apple",
        "further_categories": ["Dairy > Milk", "Gifts"],
        "photos": ["a.png"],
    }
    shop.upsert([row], folder=decided.root)

    def further() -> tuple[str, ...]:
        return tuple(format_path(path) for path in decided.item("apple").further_paths)

    edits.rename(shop, "Milk", "Milks")
    assert further() == ("Dairy > Milks", "Gifts")
    edits.merge(shop, "Milks", "Fruit")
    assert further() == ("Fruit", "Gifts")
    edits.retire(shop, "Gifts")
    assert further() == ("Fruit",)
    assert shop.upsert([row], folder=decided.root).unchanged == 1
    edits.undo(shop)
    assert further() == ("Fruit", "Gifts")
    edits.undo(shop)
    assert further() == ("Dairy > Milks", "Gifts")
    edits.undo(shop)
    assert further() == ("Dairy > Milk", "Gifts")


def test_another_process_follows_with_its_next_question(decided: DecidedShop) -> None:
    with Shop.open(decided.shop.path) as other:
        assert APPLE in other.columns.all_paths().paths
        edits.rename(decided.shop, "Apple", "Apples")
        assert other.columns.all_paths().paths == (
            ("Dairy",), MILK, ("Fruit",), ("Fruit", "Apples"), PEAR
        )  # fmt: skip
        row = {"item_id": "gala", "category": "Fruit > Apple", "photos": ["i.png"]}
        assert other.upsert([row], folder=decided.root).added == 1
        assert decided.item("gala").category == ("Fruit", "Apples")
