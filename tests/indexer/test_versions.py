"""Versions on disk: what is checked, listed, rolled back to and pruned."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from indexer.build import build
from indexer.canary import Canary
from indexer.shop import Current, Shop
from indexer.versions import IndexVersion, prune, rollback, versions
from tests.indexer.tiny_shop import TinyEmbedder, item_row, make_shop
from vsearch.errors import BusyError, VersionError

FRUIT, APPLE, PEAR, MILK = ("Fruit",), ("Fruit", "Apple"), ("Fruit", "Pear"), ("Dairy", "Milk")
ITEMS = {
    "apple": (APPLE, [0, 1]),
    "milk": (MILK, [2]),
    "pear": (PEAR, [3, 4, 5]),
    "fruit": (FRUIT, [6]),
    "gala": (APPLE, [7]),
}  # category ids in the order of first use: Apple, Milk, Pear, Fruit


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with make_shop(tmp_path, ITEMS) as shop:
        (shop.models / ("a" * 16)).mkdir(parents=True)
        build(shop, embedder=TinyEmbedder())
        yield shop


def change_and_build(shop: Shop, seed: int, model: str = "a" * 16) -> str:
    folder = shop.path.parent / "source"
    shop.catalogue.upsert_items([item_row(folder, f"item-{seed}", MILK, [seed])])
    return build(shop, embedder=TinyEmbedder(model_fingerprint=model)).version


def current_version(shop: Shop) -> IndexVersion:
    name = shop.current().index
    assert name is not None
    return IndexVersion.open(shop.indexes / name)


def test_each_category_is_one_range_and_a_subtree_a_merged_set(shop: Shop) -> None:
    version = current_version(shop)
    laid_out = [(part.path, part.start, part.stop) for part in version.categories]
    assert laid_out == [(APPLE, 0, 3), (MILK, 3, 4), (PEAR, 4, 7), (FRUIT, 7, 8)]
    assert version.ranges() == [(0, 8)]
    assert version.ranges([FRUIT]) == [(0, 3), (4, 8)]
    assert version.ranges([APPLE, MILK]) == [(0, 4)]
    assert version.ranges([PEAR, FRUIT]) == [(0, 3), (4, 8)]
    assert version.ranges([("Fru",)]) == []


def test_the_manifest_tells_how_the_version_was_made(shop: Shop) -> None:
    manifest = current_version(shop).manifest
    assert (manifest.embedding_fingerprint, manifest.model_fingerprint) == ("e" * 16, "a" * 16)
    assert (manifest.rows, manifest.items, manifest.photos) == (8, 5, 8)
    assert (manifest.views, manifest.sequence) == ("catalogue", shop.catalogue.seq())


def test_the_arrays_cannot_be_written_to(shop: Shop) -> None:
    with pytest.raises(ValueError, match="read-only"):
        current_version(shop).vectors[0, 0] = 1


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


FILES = (
    *("vectors.npy", "rows.npy", "photos.npy", "categories.json", "unknown.json"),
    *("canary.json", "manifest.json"),
)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [cut_off, flip_a_bit, Path.unlink])
def test_damage_to_any_file_is_found_and_a_build_replaces_it(
    shop: Shop, name: str, damage: Callable[[Path], None]
) -> None:
    broken = current_version(shop)
    damage(broken.folder / name)
    with pytest.raises(VersionError, match=r"damaged: .* run `vsearch build`|there is no index"):
        current_version(shop).verify()
    report = build(shop, embedder=TinyEmbedder())
    assert report.published
    assert (report.embedded, report.rows) == (0, 8)
    current_version(shop).verify()


def write_as_told(version: IndexVersion, name: str, array: np.ndarray) -> None:
    """Replace an array and its SHA-256 in the manifest: damage that only a look inside shows."""
    np.save(version.folder / name, array)
    data = (version.folder / name).read_bytes()
    path = version.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("vectors.npy", lambda a: a * np.float32(1.01), "the vector of row 0 has not length 1"),
        ("vectors.npy", lambda a: np.where(a == a[5, 0], np.nan, a), "row 5 has not length 1"),
        ("vectors.npy", lambda a: a[:-1], r"is float32 \(7, 16\), expected float32 \(8, 16\)"),
        ("vectors.npy", lambda a: a.astype(np.float64), "is float64"),
        ("rows.npy", lambda a: a[::-1], "out of order"),
        ("rows.npy", lambda a: a[[0, 1, 2, 3, 4, 5, 6, 6]], "more than one row"),
        ("rows.npy", lambda a: a * [0, 1] + [7, 0], "there are not 5 items"),
    ],
)
def test_contents_that_cannot_be_right_are_found(
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    change: Callable[[np.ndarray], np.ndarray],
    told: str,
) -> None:
    version = current_version(shop)
    monkeypatch.setattr(Canary, "still_scores", lambda *_: True)  # or it is found there
    write_as_told(version, name, np.ascontiguousarray(change(np.load(version.folder / name))))
    with pytest.raises(VersionError, match=told):
        current_version(shop).verify()


def test_categories_must_cover_the_rows(shop: Shop) -> None:
    version = current_version(shop)
    path = version.folder / "categories.json"
    path.write_text(path.read_text().replace('"stop": 4', '"stop": 5'))
    with pytest.raises(VersionError, match="do not cover its 8 rows"):
        IndexVersion.open(version.folder)


def test_a_version_of_a_later_program_is_told_from_a_damaged_one(shop: Shop) -> None:
    folder = current_version(shop).folder
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"schema": 4', '"schema": 5'))
    with pytest.raises(VersionError, match="of schema 5, this program reads 4"):
        IndexVersion.open(folder)


def test_versions_are_listed_the_newest_first(shop: Shop) -> None:
    first = current_version(shop).name
    second = change_and_build(shop, 20)
    (shop.indexes / "not-a-version").mkdir()
    listed = versions(shop)
    assert [(entry.name, entry.current) for entry in listed] == [(second, True), (first, False)]
    assert [entry.to_json()["rows"] for entry in listed] == [9, 8]
    (shop.indexes / first / "manifest.json").write_text("{")
    damaged = versions(shop)[1]
    assert damaged.manifest is None
    assert damaged.problem is not None
    assert "damaged" in damaged.problem
    assert damaged.to_json()["version"] == first


def test_rolling_back_brings_version_and_model_together(shop: Shop) -> None:
    first = current_version(shop).name
    (shop.models / ("b" * 16)).mkdir()
    second = change_and_build(shop, 20, model="b" * 16)
    third = change_and_build(shop, 21, model="b" * 16)
    assert rollback(shop) == Current("b" * 16, second) == shop.current()
    assert rollback(shop) == Current("a" * 16, first) == shop.current()
    with pytest.raises(VersionError, match="no older index version"):
        rollback(shop)
    assert rollback(shop, third) == Current("b" * 16, third) == shop.current()


def test_rolling_back_refuses_what_could_not_serve(shop: Shop) -> None:
    first = current_version(shop)
    second = change_and_build(shop, 20)
    with pytest.raises(VersionError, match="there is no index version 2099"):
        rollback(shop, "20990101T000000-00000000")
    with pytest.raises(VersionError, match="is no index version"):
        rollback(shop, f"../indexes/{second}")
    flip_a_bit(first.folder / "vectors.npy")
    with pytest.raises(VersionError, match="SHA-256 differs"):
        rollback(shop)
    (shop.models / ("a" * 16)).rmdir()
    with pytest.raises(VersionError, match="no longer in"):
        rollback(shop, second)
    with shop.lock("build"), pytest.raises(BusyError):
        rollback(shop)
    assert shop.current().index == second


def test_pruning_keeps_the_newest_and_the_one_that_serves(shop: Shop) -> None:
    first = current_version(shop).name
    names = [first, *(change_and_build(shop, seed) for seed in (20, 21))]
    rollback(shop, first)
    assert prune(shop, keep=1) == [names[1]]
    assert [entry.name for entry in versions(shop)] == [names[2], first]
    current_version(shop).verify()


def test_builds_prune_and_clear_what_crashes_left(shop: Shop) -> None:
    names = [current_version(shop).name]
    (shop.indexes / ".20200101T000000-00000000.partial").mkdir()
    names += [change_and_build(shop, seed) for seed in (20, 21, 22)]
    assert [path.name for path in sorted(shop.indexes.iterdir())] == names[1:]


def test_names_go_up_even_when_the_clock_goes_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    future = "29991231T235959-00000000"
    current_version(shop).folder.rename(shop.indexes / future)
    assert change_and_build(shop, 20) > future


def test_an_open_version_outlives_its_folder(shop: Shop) -> None:
    version = current_version(shop)
    for seed in (20, 21, 22):
        change_and_build(shop, seed)
    assert not version.folder.exists()
    assert version.index.search(version.vectors[3:4], 1)[1].tolist() == [[3]]
