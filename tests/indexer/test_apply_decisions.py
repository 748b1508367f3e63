"""Decisions come back: each row checked, the rest goes on, twice is as once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.apply_decisions import apply_decisions
from indexer.audit_file import AuditRow
from indexer.importing import import_manifest
from tests.indexer.decided_shop import CATALOGUE, FURTHER, DecidedShop
from vsearch.errors import ManifestError


@pytest.fixture
def decided(tmp_path: Path) -> Iterator[DecidedShop]:
    made = DecidedShop(tmp_path)
    with made.shop:
        yield made
        made.check()


def refusals(decided: DecidedShop, *rows: AuditRow) -> list[str]:
    before = decided.state()
    report = decided.decide(*rows)
    assert decided.state() == before
    assert len(report.refused) == len(rows)
    return [one.reason for one in report.refused]


def test_a_photo_goes_to_another_item(decided: DecidedShop) -> None:
    sequence = decided.shop.catalogue.seq()
    row = decided.row("d", "apple", "relabel", suggested="pear")
    report = decided.decide(row)
    assert (report.relabelled, report.refused) == (1, [])
    assert decided.photos() == {
        "apple": ["a", "h", "e"],
        "pear": ["b", "d", "f"],
        "milk": ["c", "g"],
    }
    waiting = decided.shop.catalogue.counts(sequence).waiting
    assert waiting == 2  # both items are to be indexed anew
    before = decided.state()
    assert decided.decide(row).unchanged == 1
    assert decided.state() == before


def test_a_new_label_comes_before_the_suggestion(decided: DecidedShop) -> None:
    decided.decide(decided.row("d", "apple", "Relabel", suggested="pear", new_label="milk"))
    assert decided.photos()["milk"] == ["c", "d", "g"]


def test_a_catalogue_photo_moves_behind_those_of_its_new_item(decided: DecidedShop) -> None:
    row = decided.row("a", "apple", "relabel", new_label="pear")
    assert decided.decide(row).relabelled == 1
    assert decided.photos()["apple"] == ["h", "d", "e"]
    assert decided.photos()["pear"] == ["b", "a", "f"]
    assert decided.decide(row).unchanged == 1


def test_a_category_changes_for_the_item(decided: DecidedShop) -> None:
    sequence = decided.shop.catalogue.seq()
    row = decided.row(
        "a", "apple", "relabel", column="category", label="Fruit > Apple", suggested="pear"
    )
    other = decided.row(
        "d", "apple", "relabel", column="category", label="Fruit > Apple", suggested="Fruit > Pear"
    )
    report = decided.decide(row, other)  # two photos of the item, one opinion
    assert (report.relabelled, report.refused) == (2, [])
    assert decided.item("apple").category == ("Fruit", "Pear")
    assert decided.shop.catalogue.counts(sequence).waiting == 1
    before = decided.state()
    assert decided.decide(row, other).unchanged == 2
    assert decided.state() == before


def test_an_attribute_changes_for_the_item(decided: DecidedShop) -> None:
    row = decided.row("a", "apple", "relabel", column="colour", label="red", suggested="green")
    assert decided.decide(row).relabelled == 1
    assert decided.item("apple").attributes == {"colour": "green"}
    assert decided.decide(row).unchanged == 1


def test_attributes_keep_their_type(decided: DecidedShop) -> None:
    path = decided.root / "typed.csv"
    rows = ("1,i.png,X,5,true", "2,j.png,X,6,false", "3,k.png,X,7,true")
    path.write_text("\n".join(["id,image_path,category,size,new", *rows]))
    import_manifest(decided.shop, path)
    report = decided.decide(
        decided.row("i", "1", "relabel", column="size", label="5", new_label="6"),
        decided.row("j", "2", "relabel", column="new", label="False", new_label="TRUE"),
        decided.row("k", "3", "relabel", column="size", label="7", new_label="six"),
        decided.row("k", "3", "relabel", column="size", label="7", new_label="8"),
    )
    assert decided.item("1").attributes == {"size": 6, "new": True}
    assert decided.item("2").attributes == {"size": 6, "new": True}
    assert [one.reason for one in report.refused] == [
        "“six” is no int as “size” is",
        "row 4 of this file decides otherwise about the same photo",
    ]


def test_a_dropped_photo_is_gone_and_stays_so(decided: DecidedShop) -> None:
    row = decided.row("d", "apple", "drop")
    assert decided.decide(row).dropped == 1
    assert decided.photos()["apple"] == ["a", "h", "e"]
    before = decided.state()
    assert decided.decide(row).unchanged == 1
    assert decided.state() == before


def test_a_held_out_photo_moves_without_a_change_of_the_index(decided: DecidedShop) -> None:
    sequence = decided.shop.catalogue.seq()
    assert decided.decide(decided.row("g", "milk", "relabel", new_label="pear")).relabelled == 1
    assert decided.photos()["pear"] == ["b", "f", "g"]
    assert decided.shop.catalogue.seq() == sequence


def test_accepted_labels_are_settled_until_they_change(decided: DecidedShop) -> None:
    catalogue = decided.shop.catalogue
    row = decided.row("d", "apple", "accept")
    category = decided.row("a", "apple", "accept", column="category", label="Fruit > Apple")
    sequence = catalogue.seq()
    assert decided.decide(row, category).accepted == 2
    assert decided.decide(row, category).unchanged == 2
    assert catalogue.seq() == sequence
    assert catalogue.settled() == {
        (decided.hash_of("d"), "apple", "item_id", "apple"),
        (decided.hash_of("a"), "apple", "category", ("Fruit", "Apple")),
    }


def test_what_was_relabelled_is_settled_too(decided: DecidedShop) -> None:
    decided.decide(
        decided.row("d", "apple", "relabel", new_label="pear"),
        decided.row("a", "apple", "relabel", column="colour", label="red", new_label="white"),
    )
    assert decided.shop.catalogue.settled() == {
        (decided.hash_of("d"), "pear", "item_id", "pear"),
        (decided.hash_of("a"), "apple", "colour", "white"),
    }


def test_shared_photos_are_accepted_apart_from_labels(decided: DecidedShop) -> None:
    row = decided.row("d", "apple", "accept", kind="duplicate")
    assert decided.decide(row).accepted == 1
    assert decided.shop.catalogue.settled_duplicates() == {(decided.hash_of("d"), "apple")}
    assert decided.shop.catalogue.settled() == set()
    assert decided.decide(row).unchanged == 1


def test_a_photo_that_the_other_item_has_already_is_taken_away(decided: DecidedShop) -> None:
    decided.take(further=(*FURTHER, "pear,d.png,train"))
    row = decided.row("d", "apple", "relabel", new_label="pear", kind="duplicate")
    assert decided.decide(row).relabelled == 1
    assert decided.photos()["apple"] == ["a", "h", "e"]
    assert sorted(decided.photos()["pear"]) == ["b", "d", "f"]
    assert decided.decide(row).unchanged == 1


def test_a_photo_wanders_and_comes_home(decided: DecidedShop) -> None:
    home = decided.photos()
    decided.decide(decided.row("d", "apple", "relabel", new_label="pear"))
    decided.decide(decided.row("d", "pear", "relabel", new_label="milk"))
    assert decided.photos()["milk"] == ["c", "d", "g"]
    decided.decide(decided.row("d", "milk", "relabel", new_label="apple"))
    assert decided.photos() == home
    assert (decided.hash_of("d"), "apple", "item_id", "apple") in decided.shop.catalogue.settled()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"decision": "delete"}, "“delete” is no decision, expected accept, relabel, drop"),
        ({"item_id": "plum", "label": "plum"}, "no item “plum” any more"),
        ({"content_hash": "0" * 64}, "no photo of these bytes any more: audit again"),
        ({"label": "pear"}, "its item_id is “apple” by now, the file says “pear”: audit again"),
        ({"column": "size"}, "there is no column “size”, only item_id, category, colour"),
        (
            {"decision": "relabel"},
            "it names no label to take instead: fill in new_label",
        ),
        ({"decision": "relabel", "new_label": "plum"}, "no item “plum” to give the photo to"),
        ({"decision": "relabel", "new_label": "apple"}, "stands with item “apple” already"),
        (
            {"decision": "relabel", "column": "category", "label": "Fruit > Apple",
             "new_label": "Fruit > Plum"},
            "no category “Fruit > Plum” in this shop",
        ),
        (
            {"decision": "relabel", "column": "category", "label": "Fruit", "new_label": "Milk"},
            "its category is “Fruit > Apple” by now, the file says “Fruit”",
        ),
        (
            {"decision": "relabel", "column": "colour", "label": "red", "new_label": "pink"},
            "no item has “pink” in the column “colour”",
        ),
        (
            {"decision": "relabel", "column": "colour", "label": "red", "new_label": "red"},
            "“red” is the label that it has: decide accept",
        ),
    ],
)  # fmt: skip
def test_a_row_is_refused_with_its_reason(
    decided: DecidedShop, values: dict[str, str], reason: str
) -> None:
    base = {"name": "d", "item_id": "apple", "decision": "accept"}
    (told,) = refusals(decided, decided.row(**(base | values)))
    assert reason in told


def test_the_only_catalogue_photo_is_neither_dropped_nor_moved(decided: DecidedShop) -> None:
    drop, move = refusals(
        decided,
        decided.row("c", "milk", "drop"),
        decided.row("b", "pear", "relabel", new_label="apple"),
    )
    assert "only catalogue photo of item “milk”" in drop
    assert "only catalogue photo of item “pear”" in move


def test_a_rejected_item_gets_no_photo(decided: DecidedShop) -> None:
    decided.take((*CATALOGUE, "plum,gone.png,Fruit > Plum,blue,"))
    (told,) = [
        one.reason
        for one in decided.decide(decided.row("d", "apple", "relabel", new_label="plum")).refused
    ]
    assert "item “plum” is rejected (there is no file" in told
    with decided.shop.catalogue.transaction() as connection:
        connection.execute("DELETE FROM items WHERE item_id = 'plum'")


def test_bad_rows_do_not_stop_the_others_and_are_told_by_row(decided: DecidedShop) -> None:
    report = decided.decide(
        decided.row("d", "apple", "relabel", new_label="pear"),
        decided.row("e", "apple", "maybe"),
        decided.row("d", "apple", "accept"),
        decided.row("e", "apple", ""),
        decided.row("e", "apple", "drop"),
        decided.row("e", "apple", "accept", column="colour", label="red"),
    )
    assert (report.rows, report.relabelled, report.dropped, report.open) == (6, 1, 1, 1)
    assert [(one.row, one.item_id) for one in report.refused] == [
        (3, "apple"),
        (4, "apple"),
        (7, "apple"),
    ]
    assert "row 2 of this file decides otherwise" in report.refused[1].reason
    assert "row 6 of this file decides otherwise" in report.refused[2].reason


def test_a_label_that_changed_since_is_stale(decided: DecidedShop) -> None:
    row = decided.row(
        "a", "apple", "relabel", column="category", label="Fruit > Apple", suggested="Fruit > Pear"
    )
    decided.take(("apple,a.png,Dairy > Milk,red,", *CATALOGUE[1:]))
    (told,) = refusals(decided, row)
    assert told == (
        "its category is “Dairy > Milk” by now, the file says “Fruit > Apple”: audit again"
    )


def test_a_test_photo_is_not_touched(decided: DecidedShop) -> None:
    decided.take(further=("apple,k.png,test",))
    (told,) = refusals(decided, decided.row("k", "apple", "drop"))
    assert "no photo of these bytes" in told


def test_a_file_of_another_kind_is_refused_as_a_whole(decided: DecidedShop) -> None:
    path = decided.root / "other.csv"
    path.write_text("photo,decision\na.png,drop\n")
    with pytest.raises(ManifestError, match="no column “column”: expected what"):
        apply_decisions(decided.shop, path)


def test_a_damaged_row_is_told_and_the_rest_goes_on(decided: DecidedShop) -> None:
    decided.decide(decided.row("d", "apple", "drop"))
    path = decided.root / "audit.csv"
    path.write_text(path.read_text(encoding="utf-8") + ",".join(["x"] * 20) + "\n")
    report = apply_decisions(decided.shop, path)
    assert report.unchanged == 1
    assert "20 cells" in report.refused[0].reason
