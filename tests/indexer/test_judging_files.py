"""The files of a judge: kept evidence survives any damage, a damaged version is refused."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.judging import carry_over
from indexer.shop import Shop
from indexer.version_files import UNKNOWN
from indexer.versions import IndexVersion
from tests.indexer.judged_shop import built, judge_of, kept, make_judged_shop, network, version_of
from vsearch.errors import VersionError


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with make_judged_shop(tmp_path) as shop:
        yield shop


def say_encrypted(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] ^= 1
    path.write_bytes(data)


def flip_a_value(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        Path.unlink,
        say_encrypted,
        flip_a_value,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no archive"),
        lambda path: path.write_bytes(path.read_bytes()[:-30]),
        lambda path: np.savez(path, hashes=np.array(["0" * 64])),
        lambda path: np.savez(
            path,
            hashes=np.array(["a", "b"]),
            embeddings=[1],
            confidence=np.ones(1),
            familiarity=[1],
        ),
    ],
)
def test_kept_evidence_survives_any_damage(shop: Shop, damage: Callable[[Path], object]) -> None:
    before = judge_of(shop)
    damage(kept(shop))
    embedder = network()
    assert built(shop, embedder, false_rejects=0.1).published
    assert embedder.photos == 30
    assert judge_of(shop).means == before.means
    embedder = network()
    built(shop, embedder, false_rejects=0.05)
    assert embedder.photos == 0
    assert judge_of(shop) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"confidence"', '"konfidence"'),
        lambda text: text.replace('"threshold"', '"treshold"'),
        lambda text: text.replace("{", "[", 1),
        lambda text: "[]" + " " * (len(text) - 2),
        lambda text: '"none"' + " " * (len(text) - 6),
    ],
)
def test_what_is_no_judge_is_a_damaged_version(shop: Shop, change: Callable[[str], str]) -> None:
    broken = version_of(shop)
    path = broken.folder / UNKNOWN
    text = change(path.read_text())
    path.write_text(text)
    tell_again(broken)
    with pytest.raises(VersionError, match=r"unknown\.json cannot be read .* run `vsearch build`"):
        IndexVersion.open(broken.folder)
    assert built(shop).published
    assert judge_of(shop).val_photos == 30


def tell_again(version: IndexVersion) -> None:
    """Let the manifest say that unknown.json is as it is now."""
    data = (version.folder / UNKNOWN).read_bytes()
    path = version.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][UNKNOWN] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    path.write_text(json.dumps(manifest))


def test_a_judge_that_was_changed_by_hand_is_found(shop: Shop) -> None:
    path = version_of(shop).folder / UNKNOWN
    text = path.read_text()
    path.write_text(text.replace('"val_photos": 30', '"val_photos": 31'))
    with pytest.raises(VersionError, match=r"unknown\.json is not what was written"):
        version_of(shop).verify()
    assert built(shop).published


def test_what_another_model_said_is_kept_for_one_that_knows_less(shop: Shop) -> None:
    def untold(embeddings: NDArray[np.float32]) -> NDArray[np.bool_]:
        return np.asarray(np.arange(len(embeddings)) % 2 == 0)

    def sure(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.arange(len(embeddings), dtype=np.float32)

    carry_over(shop, "a" * 16, "c" * 16, sure, untold)
    with (
        np.load(shop.cache / f"judging-{'a' * 16}.npz") as before,
        np.load(shop.cache / f"judging-{'c' * 16}.npz") as after,
    ):
        np.testing.assert_array_equal(after["embeddings"], before["embeddings"])
        np.testing.assert_array_equal(after["confidence"], np.arange(30))
        np.testing.assert_array_equal(after["familiarity"][:, 0], before["familiarity"][:, 0])
        assert np.isnan(after["familiarity"][::2, 1]).all()
        np.testing.assert_array_equal(after["familiarity"][1::2, 1], before["familiarity"][1::2, 1])
