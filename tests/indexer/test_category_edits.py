"""Edits of the category tree: what is found, told and counted follows at once, without a build."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from indexer import category_edits as edits
from indexer.build import build
from indexer.category_edits_split import PartsOf, by_attribute, by_file, by_filter
from indexer.filters import parse_filter
from indexer.models import promote
from indexer.row_reader import QueryPhoto
from indexer.search import Searcher
from indexer.shop import Shop
from indexer.truths import truths
from indexer.versions import IndexVersion, version_folders
from tests.indexer.edited_shop import (
    APPLE,
    DAIRY,
    FRUIT,
    ITEMS,
    MILK,
    PEAR,
    bundle_of,
    category_shares,
    edited_folder,
    edited_original,
    items_within,
    joined,
    label_names,
    make_edited_shop,
    other,
    serving_bundle,
    shop,
    tree,
)
from tests.indexer.tiny_network import offer_tiny
from tests.indexer.tiny_shop import painted
from vsearch.data import Label
from vsearch.errors import BusyError, CategoryError, DataError
from vsearch.images import content_hash
from vsearch.taxonomy import CategoryPath, format_path

__all__ = ["edited_folder", "edited_original", "other", "shop"]  # fixtures

PHOTO = painted(1)


def reds(shop: Shop, name: str, colour: str = "red") -> PartsOf:
    """Let the items of a colour go to a new category."""
    return by_filter(shop, name, parse_filter(f"colour = '{colour}'", shop.columns.fields()))


def test_a_renamed_category_is_found_told_and_counted_by_its_new_name(
    shop: Shop, other: Searcher
) -> None:
    before, version = category_shares(other, PHOTO), other.version
    assert items_within(other, "Fruit", "Apple") == {"gala", "fuji", "granny"}
    report = edits.rename(shop, "Apple", "Pome  fruit")
    new = ("Fruit", "Pome fruit")
    assert (report.items, report.edit.target) == (3, new)
    assert tree(shop) == {
        "Dairy > Cream": 1, "Dairy > Milk": 2, "Fruit > Pear": 1, "Fruit > Pome fruit": 3
    }  # fmt: skip
    # The one who has opened the pair before, and one who opens it now, see the same.
    for searcher in (other, Searcher.open(shop)):
        assert items_within(searcher, *new) == {"gala", "fuji", "granny"}
        assert items_within(searcher, "Fruit") == {"gala", "fuji", "granny", "williams"}
        with pytest.raises(CategoryError, match="no category “Fruit > Apple”"):
            items_within(searcher, *APPLE)
        shares = category_shares(searcher, PHOTO)
        assert shares == {new if path == APPLE else path: p for path, p in before.items()}
        assert other.items.live_rows().dead_rows == 0
        hit = searcher.search(PHOTO, top_k=1).hits[0].item
        assert (hit.item_id, hit.category) == ("gala", new)
        (row,) = [one for one in searcher.shop.columns.all_paths().paths if one[-1] == new[-1]]
        assert row == new
        where = parse_filter("category = 'Pome fruit'", searcher.shop.columns.fields())
        assert len(searcher.shop.columns.matching_keys(where)) == 3
    assert {shop.catalogue.get_many([k])[k].item_id for k in shop.catalogue.items_by_text("pome")}
    assert list(shop.catalogue.items_by_text("apple")) == []
    now = Searcher.open(shop)
    assert now.version.manifest.rows == version.manifest.rows
    assert now.embedder.embedding_fingerprint == other.embedder.embedding_fingerprint


def test_the_model_that_follows_tells_its_parent_and_serves_with_its_judge(shop: Shop) -> None:
    before, searcher = serving_bundle(shop), Searcher.open(shop)
    unknown = searcher.classify(PHOTO).unknown_score
    assert unknown is not None
    report = edits.rename(shop, "Fruit > Apple", "Apples")
    after = serving_bundle(shop)
    assert after.parent == before.model_fingerprint
    assert report.models == {before.model_fingerprint: after.model_fingerprint}
    assert after.embedding_fingerprint == before.embedding_fingerprint
    assert (shop.current().model, shop.trained_model()) == (after.model_fingerprint,) * 2
    assert label_names(shop) == ["Dairy > Cream", "Dairy > Milk", "Fruit > Apples", "Fruit > Pear"]
    assert Searcher.open(shop).classify(PHOTO).unknown_score == unknown


def test_the_version_is_the_same_files_under_another_name_and_nothing_is_left_to_build(
    shop: Shop,
) -> None:
    (folder,) = version_folders(shop)
    rows = (folder / "vectors.npy").stat().st_ino
    edits.rename(shop, "Apple", "Apples")
    (now,) = version_folders(shop)
    assert now != folder
    assert (now / "vectors.npy").stat().st_ino == rows
    version = IndexVersion.open(now)
    version.verify()
    report = build(shop)
    assert (report.published, report.embedded, report.version) == (False, 0, now.name)


def test_a_category_moves_with_all_below_it(shop: Shop, other: Searcher) -> None:
    shares = category_shares(other, PHOTO)
    edits.move(shop, "Dairy", "Fruit")
    for searcher in (other, Searcher.open(shop)):
        assert items_within(searcher, "Fruit", "Dairy", "Milk") == {"whole", "oat"}
        assert items_within(searcher, "Fruit") == set(ITEMS)
        told = category_shares(searcher, PHOTO)
        assert told["Fruit", "Dairy", "Milk"] == shares[MILK]
        assert told[FRUIT] == pytest.approx(1, abs=1e-6)
    edits.move(shop, "Milk", "", create=True)
    edits.move(shop, "Cream", "Kitchen > Cold", create=True)
    assert set(tree(shop)) == {"Fruit > Apple", "Fruit > Pear", "Kitchen > Cold > Cream", "Milk"}
    assert items_within(other, "Milk") == {"whole", "oat"}
    assert items_within(other, "Kitchen") == {"double"}


def test_merged_categories_are_one(shop: Shop, other: Searcher) -> None:
    before = category_shares(other, PHOTO)
    report = edits.merge(shop, "Pear", "Apple")
    assert report.items == 1
    assert tree(shop)["Fruit > Apple"] == 4
    assert label_names(shop) == ["Dairy > Cream", "Dairy > Milk", "Fruit > Apple"]
    assert serving_bundle(shop).vectors == (1, 1, 2)
    for searcher in (other, Searcher.open(shop)):
        assert items_within(searcher, *APPLE) == {"gala", "fuji", "granny", "williams"}
        told = category_shares(searcher, PHOTO)
        assert PEAR not in told
        assert joined(told) == pytest.approx(1, abs=1e-6)
        assert searcher.items.live_rows().dead_rows == 0
    # Told by the model before, the probabilities of the two add up.
    assert category_shares(other, PHOTO)[APPLE] == pytest.approx(before[APPLE] + before[PEAR])
    assert [label.name for label in other.classify(PHOTO).labels].count("Fruit > Apple") == 1
    judge = Searcher.open(shop).version.judge
    assert judge is not None
    assert judge.model_fingerprint == shop.current().model
    assert judge.val_photos == 25
    assert build(shop).embedded == 0
    assert items_within(Searcher.open(shop), *APPLE) == {"gala", "fuji", "granny", "williams"}


def test_a_category_with_items_is_retired_only_if_they_go_somewhere(
    shop: Shop, other: Searcher
) -> None:
    assert items_within(other, *PEAR) == {"williams"}  # it knows the tree from now on
    with pytest.raises(CategoryError, match=r"“Dairy” has 3 items, such as .*--to CATEGORY"):
        edits.retire(shop, "Dairy")
    assert edits.retire(shop, "Cream", to="Milk").items == 1
    assert label_names(shop) == ["Dairy > Milk", "Fruit > Apple", "Fruit > Pear"]
    assert tree(shop)["Dairy > Milk"] == 3
    with pytest.raises(CategoryError, match="“Fruit” cannot go to “Fruit > Pear”, which is reti"):
        edits.retire(shop, "Fruit", to="Pear")
    report = edits.retire(shop, "Pear", remove_items=True)
    assert (report.removed, report.items) == (1, 0)
    assert shop.catalogue.get("williams") is None
    for searcher in (other, Searcher.open(shop)):
        told = category_shares(searcher, PHOTO)
        assert told.keys() == {FRUIT, DAIRY, APPLE, MILK}
        assert joined(told) == pytest.approx(1, abs=1e-6)
        assert items_within(searcher, "Fruit") == {"gala", "fuji", "granny"}


def test_a_model_that_could_not_do_without_a_label_keeps_the_tree_as_it_is(shop: Shop) -> None:
    edits.retire(shop, "Dairy", to="Apple")
    before = tree(shop), shop.current(), shop.catalogue.seq()
    with pytest.raises(DataError, match="train again"):
        edits.merge(shop, "Pear", "Apple")
    assert (tree(shop), shop.current(), shop.catalogue.seq()) == before


def test_a_category_is_split_by_an_attribute(shop: Shop, other: Searcher) -> None:
    report = edits.split(shop, "Apple", by_attribute(shop, "colour"))
    red, green = (*APPLE, "red"), (*APPLE, "green")
    assert (report.parts, report.items, report.notes) == ({red: 2, green: 1}, 3, [])
    assert tree(shop)["Fruit > Apple > red"] == 2
    assert label_names(shop) == [
        "Dairy > Cream", "Dairy > Milk", "Fruit > Pear", "Fruit > Apple > green",
        "Fruit > Apple > red",
    ]  # fmt: skip
    for searcher in (other, Searcher.open(shop)):
        assert items_within(searcher, *red) == {"gala", "fuji"}
        assert items_within(searcher, *APPLE) == {"gala", "fuji", "granny"}
        hit = searcher.search(painted(4), top_k=1).hits[0]
        assert (hit.item.item_id, hit.item.category) == ("granny", green)
    # A part is known by the mean direction of its items' photos.
    bundle = serving_bundle(shop)
    hashes = [content_hash(painted(seed)) for seed in (1, 2, 3)]
    known = shop.catalogue.embeddings(bundle.embedding_fingerprint, hashes)
    mean = np.sum(list(known.values()), axis=0)
    own = bundle.weights["top.head.class_vectors"][-1]
    np.testing.assert_allclose(own, mean / np.linalg.norm(mean), atol=1e-6)


def test_a_split_may_leave_items_and_go_to_siblings(shop: Shop, tmp_path: Path) -> None:
    where = parse_filter("colour = 'green'", shop.columns.fields())
    report = edits.split(shop, "Apple", by_filter(shop, "Green apples", where, siblings=True))
    assert report.parts == {("Fruit", "Green apples"): 1}
    assert tree(shop)["Fruit > Apple"] == 2
    assert {"Fruit > Apple", "Fruit > Green apples"} <= set(label_names(shop))
    file = tmp_path / "parts.csv"
    file.write_text("item_id,category\nwhole,Drinks > Milk\noat,Plant\n")
    assert edits.split(shop, "Milk", by_file(shop, file)).parts == {
        ("Drinks", "Milk"): 1,
        (*MILK, "Plant"): 1,
    }
    assert "Dairy > Milk" not in tree(shop)
    file.write_text("item_id,category\ngranny,Sour\n")
    with pytest.raises(CategoryError, match=r"parts.csv, row 2: “granny” is no item of “Dairy > C"):
        edits.split(shop, "Cream", by_file(shop, file))
    file.write_text("item_id,category\ngala,Red ones\nfuji,red  Ones\n")
    with pytest.raises(CategoryError, match="would differ from “Fruit > Apple > Red ones” only in"):
        edits.split(shop, "Apple", by_file(shop, file))
    with pytest.raises(CategoryError, match="no attribute “size”; they have “colour”"):
        by_attribute(shop, "size")


@pytest.mark.parametrize(
    ("do", "told"),
    [
        (lambda shop: edits.rename(shop, "Aple", "Apples"), "did you mean “Fruit > Apple”"),
        (lambda shop: edits.rename(shop, "Apple", " "), "“ ” is no category: it has no name"),
        (lambda shop: edits.rename(shop, "Apple", "A > B"), "is a path: give the new name alone"),
        (lambda shop: edits.rename(shop, "Apple", "Apple"), "is called so already"),
        (lambda shop: edits.rename(shop, "Apple", "Pear"), "there is a “Fruit > Pear” already"),
        (lambda shop: edits.rename(shop, "Apple", " pEAR"), "only in case or spaces"),
        (lambda shop: edits.rename(shop, "Apple", "P e a r"), "only in case or spaces"),
        (lambda shop: edits.rename(shop, "Apple", "Ｐear"), "only in case or spaces"),
        (lambda shop: edits.rename(shop, "Apple", "x" * 760), "characters, at most 750"),
        (lambda shop: edits.rename(shop, "Apple", "a\x07b"), "control characters"),
        (lambda shop: edits.move(shop, "Fruit", "Apple"), "is or lies within itself"),
        (lambda shop: edits.move(shop, "Fruit", "Fruit"), "is or lies within itself"),
        (lambda shop: edits.move(shop, "Apple", "Fruit"), "is in “Fruit” already"),
        (lambda shop: edits.move(shop, "Apple", "Fruits"), "no category “Fruits”"),
        (lambda shop: edits.move(shop, "Apple", "fruit > pears", create=True), "only in case"),
        (lambda shop: edits.merge(shop, "Apple", "Apple"), "they are one category"),
        (lambda shop: edits.merge(shop, "Fruit", "Apple"), "it lies within the first"),
        (edits.undo, "no edit"),
        (lambda shop: edits.forget(shop, 7), "there is no edit 7"),
        (lambda shop: edits.split(shop, "Fruit", by_attribute(shop, "colour")), "all lie in cat"),
        (lambda shop: edits.split(shop, "Apple", reds(shop, "Red", "blue")), "none of its 3 is"),
        (
            lambda shop: edits.split(shop, "Apple", reds(shop, " ")),
            "a new category has no name",
        ),
        (lambda shop: edits.split(shop, "Apple", reds(shop, "A > B")), "stands between names"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(shop: Shop, do: object, told: str) -> None:
    before = tree(shop), shop.current(), shop.catalogue.seq(), shop.catalogue.category_edits()
    with pytest.raises(CategoryError, match=told):
        do(shop)  # type: ignore[operator]
    now = tree(shop), shop.current(), shop.catalogue.seq(), shop.catalogue.category_edits()
    assert now == before


def test_case_alone_may_change(shop: Shop) -> None:
    edits.rename(shop, "Apple", "APPLE")
    assert "Fruit > APPLE" in tree(shop)


def test_a_training_or_a_build_is_not_disturbed(shop: Shop) -> None:
    for what in ("train", "build"):
        with shop.lock(what), pytest.raises(BusyError, match=f"another {what} is running"):
            edits.rename(shop, "Apple", "Apples")
    assert tree(shop)["Fruit > Apple"] == 3


def test_queries_that_use_old_names_are_evaluated_as_before(shop: Shop) -> None:
    asked = [QueryPhoto(Path("100.png"), None, APPLE, {})]
    edits.rename(shop, "Apple", "Apples")
    (known,) = truths(shop, asked, ("category",))
    assert (known.category, known.names) == (("Fruit", "Apples"), ("Fruit > Apples",))


Step = tuple[str, tuple[str, ...], dict[str, object]]


def test_what_a_person_chose_stays_although_only_the_other_model_follows(shop: Shop) -> None:
    """The model that serves does not know the category that the newer one, set aside, knows."""
    known = [Label(format_path(path), path) for path in (MILK, APPLE, PEAR)]
    chosen = bundle_of(known)
    chosen.save(shop.models)
    promote(shop, chosen.model_fingerprint, force=True)
    assert shop.current().chosen_over == shop.trained_model()
    before = shop.trained_model()
    edits.rename(shop, "Cream", "Double cream")
    assert shop.current().model == chosen.model_fingerprint
    assert shop.current().chosen_over == shop.trained_model() != before
    assert build(shop).model == chosen.model_fingerprint
    edits.undo(shop)
    assert shop.current().chosen_over == shop.trained_model() == before


def test_an_edit_is_told_as_it_is_listed(shop: Shop) -> None:
    report = edits.split(shop, "Apple", by_attribute(shop, "colour"))
    assert [path[-1] for path in report.parts] == ["green", "red"]
    (listed,) = shop.catalogue.category_edits()
    assert report.edit.to_json() == listed.to_json()
    assert listed.at


def test_a_disk_without_second_names_takes_copies(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    edits.rename(shop, "Apple", "Apples")
    (now,) = version_folders(shop)
    IndexVersion.open(now).verify()
    assert items_within(Searcher.open(shop), "Fruit", "Apples") == {"gala", "fuji", "granny"}


def test_a_damaged_index_does_not_keep_a_shop_from_being_opened(
    shop: Shop, edited_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder,) = version_folders(shop)
    manifest = (folder / "manifest.json").read_text()
    monkeypatch.setattr(edits, "publish", lambda *_: None)  # as if killed before
    edits.rename(shop, "Apple", "Apples")
    (folder / "manifest.json").write_text("{")
    with Shop.open(edited_folder) as opened:
        assert len(opened.catalogue.unpublished()) == 1
    (folder / "manifest.json").write_text(manifest)
    with Shop.open(edited_folder) as opened:
        assert opened.catalogue.unpublished() == []
        assert "Fruit > Apples" in label_names(opened)


@pytest.fixture
def by_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop whose model's labels are its items."""
    offer_tiny(monkeypatch)
    labels = [Label(name, ITEMS[name][0], "item_id") for name in sorted(ITEMS)]
    with Shop.open(make_edited_shop(tmp_path, bundle_of(labels, ("item_id",)))) as opened:
        yield opened


def paths_of(shop: Shop) -> dict[str, CategoryPath]:
    return {label.name: label.path for label in serving_bundle(shop).labels}


def test_labels_of_items_keep_their_names_and_follow(by_item: Shop) -> None:
    edits.rename(by_item, "Apple", "Apples")
    edits.merge(by_item, "Cream", "Milk")
    assert paths_of(by_item)["gala"] == ("Fruit", "Apples")
    assert paths_of(by_item)["double"] == MILK
    assert len(paths_of(by_item)) == len(ITEMS)
    edits.split(by_item, "Apples", by_attribute(by_item, "colour"))
    assert paths_of(by_item)["granny"] == ("Fruit", "Apples", "green")
    edits.retire(by_item, "Pear", to="Milk")
    assert paths_of(by_item)["williams"] == MILK
    edits.retire(by_item, "Fruit", remove_items=True)
    assert set(paths_of(by_item)) == {"williams", "double", "oat", "whole"}
    edits.undo(by_item)
    assert set(paths_of(by_item)) == set(ITEMS)


def test_labels_of_an_attribute_lie_where_all_their_items_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_tiny(monkeypatch)
    labels = [
        Label("green", FRUIT, "colour"),
        Label("red", APPLE, "colour"),
        Label("white", DAIRY, "colour"),
    ]
    with Shop.open(make_edited_shop(tmp_path, bundle_of(labels, ("colour",)))) as shop:
        edits.move(shop, "Pear", "Dairy")
        assert paths_of(shop) == {"green": (), "red": APPLE, "white": DAIRY}
        edits.undo(shop)
        assert paths_of(shop) == {"green": FRUIT, "red": APPLE, "white": DAIRY}
        edits.merge(shop, "Cream", "Milk")
        assert paths_of(shop)["white"] == MILK
