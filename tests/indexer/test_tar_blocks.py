"""Tar files of plain files: read by others, read from others, and refused at any damage."""

import io
import tarfile
from pathlib import Path

import pytest

from indexer.tar_blocks import Announced, read_members, write_end, write_member
from vsearch.errors import ArchiveError

FILES = {"a.txt": b"first", "b/empty": b"", "b/c.bin": bytes(range(256)) * 5}


def written(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    for name, data in files.items():
        write_member(file, Announced(name, len(data), 1_700_000_000), iter([data]))
    write_end(file)
    return file.getvalue()


def read(data: bytes) -> dict[str, bytes]:
    return {name: b"".join(parts) for name, parts in read_members(io.BytesIO(data))}


def test_what_is_written_is_read_again_by_us_and_by_others(tmp_path: Path) -> None:
    data = written(FILES)
    assert read(data) == FILES
    with tarfile.open(fileobj=io.BytesIO(data)) as others:
        assert others.getnames() == list(FILES)
        told = others.getmember("b/c.bin")
        assert (told.size, told.mtime, told.mode) == (1280, 1_700_000_000, 0o644)
        others.extractall(tmp_path, filter="data")
    assert (tmp_path / "b/c.bin").read_bytes() == FILES["b/c.bin"]


def test_sizes_beyond_eight_gigabytes_fit_into_a_header() -> None:
    size = 9 * 2**30
    header = tarfile.TarInfo("large")
    header.size = size
    members = read_members(io.BytesIO(header.tobuf(tarfile.GNU_FORMAT)))
    name, parts = next(members)
    assert name == "large"
    with pytest.raises(ArchiveError, match="ends in the middle of large"):
        next(parts)


def test_no_flipped_bit_passes_unless_it_is_in_a_files_own_bytes() -> None:
    data = written(FILES)
    inside = data.index(b"first"), data.index(FILES["b/c.bin"])
    own = {*range(inside[0], inside[0] + 5), *range(inside[1], inside[1] + 1280)}
    for place in range(0, len(data), 7):
        broken = bytearray(data)
        broken[place] ^= 1 << place % 8
        if place in own:
            assert read(bytes(broken)).keys() == FILES.keys()
        else:
            with pytest.raises(ArchiveError):
                read(bytes(broken))


def test_no_part_of_a_file_passes() -> None:
    data = written(FILES)
    for length in range(0, len(data), 97):
        with pytest.raises(ArchiveError):
            read(data[:length])
    for more in (b"x", bytes(512), data):
        with pytest.raises(ArchiveError, match="end"):
            read(data + more)


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.DIRTYPE,
        tarfile.CHRTYPE,
        tarfile.FIFOTYPE,
        tarfile.GNUTYPE_SPARSE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.XHDTYPE,
    ],
)
def test_only_plain_files_pass(kind: bytes) -> None:
    header = tarfile.TarInfo("name")
    header.type, header.linkname = kind, "/etc/passwd"
    with pytest.raises(ArchiveError, match="“name” in it is not a plain file"):
        read(header.tobuf(tarfile.GNU_FORMAT) + bytes(10240))


def test_a_member_that_is_not_as_announced_is_a_mistake_of_ours() -> None:
    file = io.BytesIO()
    with pytest.raises(ValueError, match="has 2 bytes, 3 were announced"):
        write_member(file, Announced("a", 3, 0), iter([b"ab"]))
    with pytest.raises(ValueError, match="longer than 100"):
        write_member(file, Announced("a" * 101, 0, 0), iter([]))
    members = read_members(io.BytesIO(written(FILES)))
    next(members)
    with pytest.raises(ValueError, match=r"a\.txt was not read to its end"):
        next(members)
