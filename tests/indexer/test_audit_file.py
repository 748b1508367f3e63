"""audit.csv: what is written is read again, and nobody's decisions are thrown away."""

from dataclasses import replace
from pathlib import Path

import pytest

from indexer.audit_file import AuditRow, check_audit_file, read_audit, write_audit
from vsearch.errors import ShopError

ROW = AuditRow(
    "photos/é, “x”.jpg", "a" * 64, "00123", "label", "category", "Fruit > Äpfel", "Fruit", "0.9900"
)


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "audit.csv"
    rows = [ROW, replace(ROW, item_id="line\nbreak", decision="accept", flagged="yes")]
    write_audit(path, rows)
    assert [one.row for one in read_audit(path)] == rows
    assert [one.number for one in read_audit(path)] == [2, 3]


def test_a_file_that_a_spreadsheet_has_saved_is_read(tmp_path: Path) -> None:
    path = tmp_path / "audit.csv"
    header = "Photo;Content_Hash;ITEM_ID;kind;column;label;suggested;Decision ;new_label"
    cells = ";".join(("p.jpg", "b" * 64, "7", "odd", "item_id", "7", "8", " DROP ", ""))
    path.write_text(f"{header}\r\n{cells}\r\n", encoding="cp1252")
    (one,) = read_audit(path)
    assert (one.row.item_id, one.row.decision, one.row.doubt) == ("7", "DROP", "")


def test_decisions_are_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "audit.csv"
    check_audit_file(path)
    write_audit(path, [ROW])
    check_audit_file(path)
    write_audit(path, [ROW, replace(ROW, decision="drop")])
    with pytest.raises(ShopError, match="holds 1 decisions: apply them"):
        check_audit_file(path)
    path.write_text("something,else\n1,2\n")
    with pytest.raises(ShopError, match="is there and no audit file"):
        check_audit_file(path)
