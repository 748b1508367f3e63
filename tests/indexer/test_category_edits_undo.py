"""The last edit of the category tree taken back: items, labels and models are as they were."""

from dataclasses import replace
from pathlib import Path

import pytest

from indexer import category_edits as edits
from indexer.category_edits_split import by_attribute
from indexer.search import Searcher
from indexer.shop import Shop
from tests.indexer.edited_shop import (
    APPLE,
    CREAM,
    MILK,
    PEAR,
    category_shares,
    edited_folder,
    edited_original,
    items_within,
    label_names,
    other,
    serving_bundle,
    shop,
    tree,
)
from tests.indexer.tiny_shop import painted
from vsearch.bundle import Bundle
from vsearch.errors import CategoryError

__all__ = ["edited_folder", "edited_original", "other", "shop"]  # fixtures

PHOTO = painted(1)

Step = tuple[str, tuple[str, ...], dict[str, object]]


@pytest.mark.parametrize(
    "step",
    [
        ("rename", ("Fruit", "Obst"), {}),
        ("move", ("Milk", "Fruit"), {}),
        ("merge", ("Pear", "Apple"), {}),
        ("merge", ("Dairy", "Fruit"), {}),
        ("retire", ("Cream",), {"to": "Milk"}),
    ],
)
def test_the_last_edit_can_be_undone(shop: Shop, other: Searcher, step: Step) -> None:
    before, shares, names = tree(shop), category_shares(other, PHOTO), label_names(shop)
    model, judge = shop.current().model, other.version.judge
    edits.rename(shop, "Dairy", "Cold")
    edits.undo(shop)
    getattr(edits, step[0])(shop, *step[1], **step[2])
    assert tree(shop) != before
    report = edits.undo(shop)
    assert (report.undone, report.edit.kind) == (True, step[0])
    assert (tree(shop), label_names(shop), shop.current().model) == (before, names, model)
    assert shop.catalogue.category_edits() == []
    for searcher in (other, Searcher.open(shop)):
        assert category_shares(searcher, PHOTO) == shares
        assert items_within(searcher, *APPLE) == {"gala", "fuji", "granny"}
        assert items_within(searcher, "Dairy") == {"whole", "oat", "double"}
    again = Searcher.open(shop).version.judge
    assert judge is not None
    assert again is not None
    assert again.threshold == pytest.approx(judge.threshold, rel=1e-5)


def test_items_that_were_deleted_with_their_category_do_not_come_back(shop: Shop) -> None:
    edits.retire(shop, "Pear", remove_items=True)
    report = edits.undo(shop)
    assert (report.items, shop.catalogue.get("williams")) == (0, None)
    assert report.notes == [
        "items that were deleted with “Fruit > Pear” do not come back: import or upsert them again"
    ]
    assert label_names(shop)[2:] == ["Fruit > Apple", "Fruit > Pear"]


def test_a_split_is_undone_for_items_that_nobody_has_moved_since(shop: Shop) -> None:
    before = tree(shop)
    edits.split(shop, "Apple", by_attribute(shop, "colour"))
    assert edits.undo(shop).items == 3
    assert tree(shop) == before
    assert label_names(shop)[2:] == ["Fruit > Apple", "Fruit > Pear"]


def test_an_undo_brings_along_what_came_into_the_category_since(
    shop: Shop, edited_original: Path
) -> None:
    edits.rename(shop, "Apple", "Apples")
    item = shop.catalogue.get("williams")
    assert item is not None
    source = edited_original.parent / "source"
    cells = {"item_id": "williams", "category": "Fruit > Apples > Small", "photos": ["6.png"]}
    assert shop.upsert([cells], folder=source).changed == 1
    edits.undo(shop)
    assert tree(shop)["Fruit > Apple > Small"] == 1
    with pytest.raises(CategoryError, match="no category"):
        edits.rename(shop, "Apples", "x")


def test_an_undo_after_a_training_renames_the_new_model_back(shop: Shop) -> None:
    edits.rename(shop, "Apple", "Apples")
    trained = serving_bundle(shop)
    newer = replace(trained, calibration={"scale": 7.0})
    newer.save(shop.models)
    shop.set_trained_model(newer.model_fingerprint)
    edits.undo(shop)
    back = Bundle.load(shop.models / str(shop.trained_model()))
    assert back.calibration == {"scale": 7.0}
    assert [label.path for label in back.labels] == [CREAM, MILK, APPLE, PEAR]


def test_an_undo_cannot_tell_apart_what_a_newer_model_has_learned_as_one(shop: Shop) -> None:
    edits.merge(shop, "Pear", "Apple")
    newer = replace(serving_bundle(shop), calibration={"scale": 7.0})
    newer.save(shop.models)
    shop.set_trained_model(newer.model_fingerprint)
    report = edits.undo(shop)
    assert tree(shop)["Fruit > Pear"] == 1
    assert shop.trained_model() == newer.model_fingerprint
    (note,) = report.notes
    assert note.startswith(f"model {newer.model_fingerprint} was made since and stays as it is")
