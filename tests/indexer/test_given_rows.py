"""Rows from a program or a small manifest: read as an import does, but no cell changes a type."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.attributes import convert, fitted
from indexer.given_rows import GivenRows, LeftOut, read_ids
from indexer.row_reader import Entry
from indexer.rows import Row, json_row
from indexer.shop import Shop
from vsearch.errors import ManifestError


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Shop.create(tmp_path / "shop") as shop:
        yield shop


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (5, None, 5),
        ("x", "text", "x"),
        (5, "text", 5),
        (5, "int", 5),
        (5.5, "int", 5.5),
        (5, "float", 5),
        ("6", "int", 6),
        ("6.5", "int", 6.5),
        ("6", "float", 6),
        ("true", "bool", True),
        (None, "int", None),
    ],
)
def test_a_value_fits_a_column_that_need_not_become_text(
    value: object, kind: str | None, expected: object
) -> None:
    found = fitted(value, kind)  # type: ignore[arg-type]
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("value", "kind", "reason"),
    [
        ("x", "int", "a whole number"),
        ("007", "int", "a whole number"),
        ("x", "float", "a number"),
        (True, "int", "a whole number"),
        (1, "bool", "true or false"),
        (2**70, "int", "a whole number"),
    ],
)
def test_a_value_that_only_text_could_hold_is_refused(
    value: object, kind: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=f"this attribute is {reason} in this shop"):
        fitted(value, kind)  # type: ignore[arg-type]


def test_rows_of_a_program_are_those_of_a_manifest(shop: Shop, tmp_path: Path) -> None:
    cells = {"g:id": 7, "Title": "Pear", "category": "Fruit > Pear", "size": 3}
    given = GivenRows.of([cells | {"photos": [tmp_path / "a.png", "b.png"]}], tmp_path)
    manifest, left_out = given.manifest(shop)
    (entry,) = manifest.catalogue_entries()
    assert isinstance(entry, Entry)
    assert (entry.item_id, entry.title, entry.category) == ("7", "Pear", ("Fruit", "Pear"))
    assert [photo.text for photo in entry.photos] == [str(tmp_path / "a.png"), "b.png"]
    assert (entry.attributes, left_out) == ({"size": 3}, {})
    assert GivenRows.of([]).folder == Path.cwd()


def test_cells_that_do_not_fit_are_left_out_by_row(shop: Shop) -> None:
    shop.catalogue.set_attribute_types({"size": "int", "price": "float"}, convert)
    rows = [{"id": "a", "size": "big", "price": "?"}, {"id": "b", "size": "7", "price": "3 EUR"}]
    manifest, left_out = GivenRows.of(rows).manifest(shop)
    why = "this attribute is a whole number in this shop; the item is taken in without it"
    assert left_out == {1: [LeftOut("size", "big", why)]}
    assert [dict(row.values) for row in manifest.named_rows()] == [
        {"id": "a", "price": "?"},  # prices have a reading of their own
        {"id": "b", "size": 7, "price": "3 EUR"},
    ]
    assert dict(manifest.types) == {"size": "int", "price": "float", "currency": "text"}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (7, "it is no mapping of cells by column, but int"),
        ({"id": "a", "ID": "b"}, "two columns mean the same, “id”"),
        ({"id": "\ud800"}, "half a character"),
        (json_row(1, '{"id": "\\ud800"}'), "half a character"),
        (json_row(1, "[]"), "it is not a JSON object"),
        (json_row(1, "{"), "it is not JSON"),
    ],
)
def test_a_row_that_cannot_be_understood_keeps_its_problem(row: object, problem: str) -> None:
    fine = Row(9, {"id": "fine"})
    bad, good = GivenRows.of([row, fine]).rows  # type: ignore[list-item]
    assert (bad.number, good.number) == (1, 2)
    assert problem in str(bad.problem)
    assert (bad.values, good.values) == ({}, {"id": "fine"})


def test_a_file_gives_its_own_rows_and_folder(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("id,image_path,category,size\na,a.png,Fruit,4\n\nb,b.png,Fruit,x\n")
    given = GivenRows.of_file(path)
    assert (given.folder, [row.number for row in given.rows]) == (tmp_path, [2, 4])
    assert given.manifest(shop)[0].types == {"size": "text"}  # the shop has no such column yet
    shop.catalogue.set_attribute_types({"size": "float"}, convert)
    manifest, left_out = given.manifest(shop)
    assert manifest.types == {"size": "float"}
    assert [one.column for one in left_out[4]] == ["size"]
    assert GivenRows.of_file(path, shop.photos).folder == shop.photos


def test_ids_are_read_from_lines_or_from_a_column(tmp_path: Path) -> None:
    lines, manifest = tmp_path / "ids", tmp_path / "ids.jsonl"
    lines.write_text("\ufeffa b\n\n c,d \r\n", encoding="utf-8")
    assert read_ids(lines) == ["a b", "c,d"]
    manifest.write_text('{"id": 5}\n{"id": "six"}\n')
    assert read_ids(manifest) == ["5", "six"]
    manifest.write_text('{"id": 5}\n{"id": \n')
    with pytest.raises(ManifestError, match="row 2: it is not JSON"):
        read_ids(manifest)
    manifest.write_text('{"name": 5}\n')
    with pytest.raises(ManifestError, match="no column for the item's id"):
        read_ids(manifest)
    lines.write_bytes(b"caf\xe9")
    with pytest.raises(ManifestError, match="not UTF-8"):
        read_ids(lines)
