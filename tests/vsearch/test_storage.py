import os
from pathlib import Path

import pytest

from vsearch.storage import write_atomically


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "CURRENT"
    write_atomically(path, "old")
    write_atomically(path, b"new \xff")
    assert path.read_bytes() == b"new \xff"
    assert [entry.name for entry in tmp_path.iterdir()] == ["CURRENT"]


def test_the_old_content_stays_and_no_draft_is_left_when_the_disk_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "CURRENT"
    write_atomically(path, "old")

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["CURRENT"]
