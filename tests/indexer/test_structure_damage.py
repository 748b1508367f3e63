"""Versions with codes that are damaged, or cannot be written: refused with the reason."""

import errno
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer import structure_writer, version_files
from indexer.faiss_index import FaissIndex
from indexer.shop import Shop
from indexer.vector_index import ExactIndex
from indexer.versions import IndexVersion, rollback
from tests.indexer.coded_versions import clustered_rows, write_rows
from vsearch.errors import VersionError

Vectors = NDArray[np.float32]
VECTORS = clustered_rows(0, 3000)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Shop.create(tmp_path / "shop") as shop:
        yield shop


def refusal_of(folder: Path, *, thorough: bool = False) -> str:
    def look() -> None:
        version = IndexVersion.open(folder)
        if thorough:
            version.verify()

    with pytest.raises(VersionError) as refused:
        look()
    return str(refused.value)


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (flip_a_bit, r"codes\.faiss is not what was written \(SHA-256 differs\)"),
        (cut_off, r"codes\.faiss has \d+ bytes, its manifest says \d+"),
        (Path.unlink, r"codes\.faiss has 0 bytes"),
    ],
)
def test_damaged_codes_are_refused_when_the_version_is_opened(
    shop: Shop, damage: Callable[[Path], None], told: str
) -> None:
    version = write_rows(shop, VECTORS)
    damage(version.folder / "codes.faiss")
    with pytest.raises(VersionError, match=f"is damaged: {told}.*`vsearch rollback`"):
        IndexVersion.open(version.folder)


def test_no_byte_of_damaged_codes_reaches_faiss(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = write_rows(shop, VECTORS)
    flip_a_bit(version.folder / "codes.faiss")

    def reached(*_: object) -> None:
        raise AssertionError("a wrong length in the file can take all memory")

    monkeypatch.setattr("indexer.faiss_index.RowCodes.read", reached)
    assert "SHA-256 differs" in refusal_of(version.folder)


def rewrite(version: IndexVersion, name: str, data: bytes) -> None:
    """Replace a file and its entry in the manifest: damage that only a look inside shows."""
    entry = version_files.write_file(version.folder / name, [data])
    path = version.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][name] = entry
    path.write_text(json.dumps(manifest))


def test_codes_of_other_rows_are_refused(shop: Shop) -> None:
    version = write_rows(shop, VECTORS)
    fewer = write_rows(shop, VECTORS[:2500])
    rewrite(version, "codes.faiss", (fewer.folder / "codes.faiss").read_bytes())
    assert "codes.faiss has 2500 rows of 32 dimensions" in refusal_of(version.folder)
    rewrite(version, "codes.faiss", b"no codes at all")
    assert "codes.faiss cannot be read" in refusal_of(version.folder)


def test_codes_that_answer_otherwise_are_refused(shop: Shop) -> None:
    version = write_rows(shop, VECTORS)
    shuffled = write_rows(shop, VECTORS[::-1].copy())
    rewrite(version, "codes.faiss", (shuffled.folder / "codes.faiss").read_bytes())
    told = "known queries are not answered as they were when it was built"
    assert told in refusal_of(version.folder)


def test_vectors_that_score_otherwise_are_refused_when_the_version_is_opened(shop: Shop) -> None:
    version = write_rows(shop, VECTORS)
    vectors = np.load(version.folder / "vectors.npy")
    path = version.folder / "vectors.npy"
    np.save(path, vectors[::-1])  # of the right size, and nobody has read all of it yet
    assert "rows no longer score as they did" in refusal_of(version.folder)
    assert "SHA-256 differs" not in refusal_of(version.folder)


def test_a_scanned_version_is_asked_its_canary_when_it_is_verified(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = write_rows(shop, VECTORS[:1000])
    version.verify()

    def worse(index: FaissIndex, queries: Vectors, k: int, *_: object) -> object:
        return ExactIndex(index.vectors).search(queries, k, [(0, 500)])

    monkeypatch.setattr(FaissIndex, "search", worse)
    monkeypatch.setattr(IndexVersion, "_verify_vectors", lambda _: None)
    assert "known queries are not answered" in refusal_of(version.folder, thorough=True)


CANARIES: list[object] = [
    "{",
    {},
    [{"query": "00", "rows": [1], "scores": [1.0]}],
    [{"query": "00" * 128, "rows": [3000], "scores": [1.0]}],
    [{"query": "00" * 128, "rows": [1, 2], "scores": [1.0]}],
    [{"query": "ff" * 128, "rows": [1], "scores": [1.0]}],
    [{"query": "zz" * 128, "rows": [1], "scores": [1.0]}],
    [{"query": "00" * 128, "rows": 1, "scores": 1.0}],
    [{"rows": [1], "scores": [1.0]}],
]


@pytest.mark.parametrize("document", CANARIES)
def test_a_canary_that_cannot_be_understood_is_refused(shop: Shop, document: object) -> None:
    version = write_rows(shop, VECTORS)
    text = document if isinstance(document, str) else json.dumps([document])
    rewrite(version, "canary.json", text.encode())
    assert "canary.json cannot be read" in refusal_of(version.folder)


def test_the_canary_has_queries_with_their_exact_answers(shop: Shop) -> None:
    for vectors in (VECTORS, VECTORS[:700], VECTORS[:3], VECTORS[:1]):
        canary = write_rows(shop, vectors).canaries[0]
        assert len(canary.queries) == min(8, len(vectors))
        expected = ExactIndex(vectors).search(canary.queries, min(10, len(vectors)))
        np.testing.assert_array_equal(canary.rows, expected[1])
        np.testing.assert_array_equal(canary.scores, expected[0])
    assert len(write_rows(shop, VECTORS[:0]).canaries[0].queries) == 0


@pytest.mark.parametrize("structure", ["hnsw", None, 3])
def test_an_unknown_structure_is_damage(shop: Shop, structure: object) -> None:
    version = write_rows(shop, VECTORS[:900])
    path = version.folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"structure": structure}))
    assert "manifest.json cannot be read" in refusal_of(version.folder)


def test_rolling_back_to_damaged_codes_is_refused(shop: Shop) -> None:
    (shop.models / ("a" * 16)).mkdir(parents=True)
    first, second = write_rows(shop, VECTORS), write_rows(shop, VECTORS)
    flip_a_bit(first.folder / "codes.faiss")
    with pytest.raises(VersionError, match="SHA-256 differs"):
        rollback(shop)
    assert shop.current().index == second.name


FULL = OSError(errno.ENOSPC, "No space left on device")


def full_at(name: str, after: int) -> Callable[..., object]:
    """Return an `open` of a disk that is full after so many bytes of a file of this name."""
    opened: Callable[..., object] = Path.open

    def open_(path: Path, *arguments: object) -> object:
        file = opened(path, *arguments)
        if path.name != name:
            return file
        return _FullFile(file, after)

    return open_


class _FullFile:
    def __init__(self, file: object, left: int) -> None:
        self._file, self._left = file, left

    def __enter__(self) -> "_FullFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)

    def write(self, part: bytes) -> None:
        self._left -= len(part)
        if self._left < 0:
            raise FULL
        self._file.write(part)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("vectors.npy", 5000),
        ("codes.faiss", 0),
        ("codes.faiss", 40_000),
        ("canary.json", 0),
        ("manifest.json", 10),
    ],
)
def test_a_full_disk_is_told_and_leaves_nothing_behind(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str, after: int
) -> None:
    before = write_rows(shop, VECTORS[:900])
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full_at(name, after))
        with pytest.raises(VersionError, match="is full: the new index version was not written"):
            write_rows(shop, VECTORS)
    assert [path.name for path in shop.indexes.iterdir()] == [before.name]
    assert shop.current().index == before.name
    assert write_rows(shop, VECTORS).manifest.structure == "codes"


def test_an_interrupted_version_leaves_nothing_behind(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(structure_writer, "tuned", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_rows(shop, VECTORS)
    assert list(shop.indexes.iterdir()) == []


@pytest.mark.parametrize("rows", [900, 3000])
@pytest.mark.parametrize("wrong", [np.nan, 0.5])
def test_vectors_that_no_network_gives_are_not_written(shop: Shop, rows: int, wrong: float) -> None:
    vectors = VECTORS[:rows].copy()
    vectors[77] = wrong
    with pytest.raises(VersionError, match="the vector of row 77 has not length 1"):
        write_rows(shop, vectors)
    assert list(shop.indexes.iterdir()) == []
