"""What a build embeds, and that a failure at any step leaves the shop serving as before."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer import embedding, version_files
from indexer.build import BuildReport, build
from indexer.records import PhotoRow
from indexer.shop import Current, Shop
from indexer.versions import IndexVersion
from tests.indexer.tiny_shop import (
    TinyEmbedder,
    TinyPredictions,
    add_further,
    item_row,
    make_shop,
    photo_row,
)
from vsearch.errors import BundleError, BusyError, ShopError, VersionError

FRUIT, APPLE, MILK = ("Fruit",), ("Fruit", "Apple"), ("Dairy", "Milk")
ITEMS = {
    f"item-{i}": ((APPLE, MILK, FRUIT)[i % 3], [10 * i + photo for photo in range(1 + i % 2)])
    for i in range(12)
}  # 12 items, 18 photos


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with make_shop(tmp_path, ITEMS) as shop:
        yield shop


def source(shop: Shop) -> Path:
    return shop.path.parent / "source"


def current_version(shop: Shop) -> IndexVersion:
    name = shop.current().index
    assert name is not None
    return IndexVersion.open(shop.indexes / name)


def test_a_first_build_embeds_every_photo_and_publishes(shop: Shop) -> None:
    embedder = TinyEmbedder()
    report = build(shop, embedder=embedder)
    assert (report.embedded, report.photos_reused, embedder.photos) == (18, 0, 18)
    assert (report.indexed, report.waiting, report.rejected, report.rows) == (12, 0, 0, 18)
    assert report.published
    assert shop.current() == Current(embedder.model_fingerprint, report.version)
    version = current_version(shop)
    rows = shop.catalogue.views("catalogue")
    assert version.item_keys.tolist() == [item.key for item, _ in rows]
    assert version.photo_keys.tolist() == [photo.key for _, photo in rows]
    assert version.hashes() == {photo.content_hash for _, photo in rows}
    cached = shop.catalogue.embeddings("e" * 16, list(version.hashes()))
    for row, (_, photo) in enumerate(rows):
        np.testing.assert_array_equal(version.vectors[row], cached[photo.content_hash])


def test_a_build_of_nothing_new_embeds_nothing_and_publishes_nothing(shop: Shop) -> None:
    first = build(shop, embedder=TinyEmbedder())
    before = sorted(path.name for path in shop.indexes.iterdir())
    embedder = TinyEmbedder()
    second = build(shop, embedder=embedder)
    assert (second.embedded, embedder.photos) == (0, 0)
    assert not second.published
    assert (second.version, second.photos_reused) == (first.version, 18)
    assert sorted(path.name for path in shop.indexes.iterdir()) == before


def test_with_five_items_changed_just_their_photos_are_embedded(shop: Shop) -> None:
    first = build(shop, embedder=TinyEmbedder())
    shop.catalogue.upsert_items(
        [item_row(source(shop), f"item-{i}", APPLE, [1000 + i]) for i in range(5)]
    )
    embedder = TinyEmbedder()
    report = build(shop, embedder=embedder)
    assert (report.embedded, embedder.photos) == (5, 5)
    assert report.published
    assert report.version > first.version
    assert report.indexed == 12


def test_a_change_without_a_new_photo_embeds_nothing_and_is_indexed(shop: Shop) -> None:
    build(shop, embedder=TinyEmbedder())
    shop.catalogue.upsert_items([item_row(source(shop), "item-0", MILK, [0])])  # moved
    report = build(shop, embedder=TinyEmbedder())
    assert (report.embedded, report.published, report.waiting) == (0, True, 0)
    moved = next(c for c in current_version(shop).categories if c.path == MILK)
    item = shop.catalogue.get("item-0")
    assert item is not None
    assert item.key in current_version(shop).item_keys[moved.start : moved.stop]


def test_a_photo_that_items_share_is_embedded_once(shop: Shop) -> None:
    shop.catalogue.upsert_items([item_row(source(shop), "twin", APPLE, [0])])
    report = build(shop, embedder=TinyEmbedder())
    assert (report.embedded, report.rows, report.indexed) == (18, 19, 13)


def test_only_train_photos_are_ever_embedded(shop: Shop) -> None:
    train = [add_further(shop, "item-1", seed, "train") for seed in (500, 501)]
    held_out = [add_further(shop, "item-1", 600, "val"), add_further(shop, "item-2", 601, "test")]
    assert build(shop, embedder=TinyEmbedder()).rows == 18
    report = build(shop, views="all", embedder=TinyEmbedder())
    assert (report.embedded, report.rows) == (2, 20)
    assert 'views = "all"' in (shop.path / "shop.toml").read_text()
    indexed = current_version(shop).hashes()
    assert {photo.content_hash for photo in train} <= indexed
    assert not {photo.content_hash for photo in held_out} & indexed
    hashes = [photo.content_hash for photo in held_out]
    assert shop.catalogue.embeddings("e" * 16, hashes) == {}
    narrowed = build(shop, views="catalogue", embedder=TinyEmbedder())
    assert (narrowed.embedded, narrowed.rows, narrowed.published) == (0, 18, True)


def test_another_network_embeds_all_again_and_other_classes_nothing(shop: Shop) -> None:
    first = build(shop, embedder=TinyEmbedder())
    classes = TinyEmbedder(model_fingerprint="b" * 16)
    report = build(shop, embedder=classes)
    # The vectors are the same; but what is unknown is judged by the whole model.
    assert (report.embedded, report.published) == (0, True)
    assert report.version != first.version
    assert shop.current() == Current("b" * 16, report.version)
    network = TinyEmbedder(embedding_fingerprint="f" * 16, model_fingerprint="c" * 16)
    report = build(shop, embedder=network)
    assert (report.embedded, report.published) == (18, True)
    assert shop.current() == Current("c" * 16, report.version)


def test_photos_that_cannot_be_used_are_rejected_and_the_rest_goes_on(shop: Shop) -> None:
    rows = {item.item_id: photo.path for item, photo in shop.catalogue.photos()}
    rows["item-0"].unlink()
    rows["item-2"].write_bytes(b"another picture")
    rows["item-1"].unlink()  # the second of two photos
    report = build(shop, embedder=TinyEmbedder())
    assert (report.embedded, report.rows) == (15, 15)
    assert (report.indexed, report.waiting, report.rejected) == (10, 0, 2)
    reasons = {reject.item_id: reject.reason for reject in shop.catalogue.rejects()}
    assert "there is no file" in reasons["item-0"]
    assert "import it again" in reasons["item-2"]
    assert set(reasons) == {"item-0", "item-1", "item-2"}
    assert build(shop, embedder=TinyEmbedder()).published is False


def test_when_one_of_two_copies_is_lost_the_other_is_used(shop: Shop, tmp_path: Path) -> None:
    lost = tmp_path / "lost"
    lost.mkdir()
    shop.catalogue.upsert_items([item_row(lost, "a-copy", APPLE, [0])])
    for path in lost.iterdir():
        path.unlink()
    report = build(shop, embedder=TinyEmbedder())
    assert (report.indexed, report.rejected) in {(13, 0), (12, 1)}
    item = shop.catalogue.get("item-0")
    assert item is not None
    assert item.key in current_version(shop).item_keys


def test_a_disk_that_is_not_there_does_not_empty_the_shop(shop: Shop, tmp_path: Path) -> None:
    new = [item_row(source(shop), f"new-{i}", APPLE, [800 + i]) for i in range(12)]
    shop.catalogue.upsert_items(new)
    first = build(shop, embedder=TinyEmbedder())
    source(shop).rename(tmp_path / "unmounted")
    network = TinyEmbedder(embedding_fingerprint="f" * 16)
    with pytest.raises(ShopError, match=r"30 of 30 new photos cannot.*is their disk there"):
        build(shop, embedder=network)
    assert shop.current().index == first.version
    assert shop.catalogue.counts(0).rejected == 0
    (tmp_path / "unmounted").rename(source(shop))
    assert build(shop, embedder=network).embedded == 30


def test_bad_photos_left_by_an_interrupted_build_do_not_block_all_others(shop: Shop) -> None:
    many = [item_row(source(shop), f"many-{i}", APPLE, [2000 + i]) for i in range(230)]
    shop.catalogue.upsert_items(many)
    build(shop, embedder=TinyEmbedder())
    lost = [item_row(source(shop), f"lost-{i}", APPLE, [3000 + i]) for i in range(21)]
    shop.catalogue.upsert_items(lost)
    for row in lost:
        row.photos[0].path.unlink()
    report = build(shop, embedder=TinyEmbedder())
    assert (report.indexed, report.waiting, report.rejected) == (242, 0, 21)


def test_a_small_shop_is_not_emptied_either(tmp_path: Path) -> None:
    with make_shop(tmp_path, {"only": (APPLE, [1]), "other": (MILK, [2])}) as shop:
        source(shop).rename(tmp_path / "unmounted")
        with pytest.raises(ShopError, match="2 of 2 new photos cannot be used"):
            build(shop, embedder=TinyEmbedder())
        assert shop.catalogue.counts(0).rejected == 0


def test_what_a_crash_left_does_not_take_the_room_of_a_new_version(shop: Shop) -> None:
    leftover = shop.indexes / ".20200101T000000-00000000.partial"
    leftover.mkdir(parents=True)
    seen = []
    embedder = TinyEmbedder()
    build(shop, embedder=embedder, progress=lambda *_: seen.append(leftover.exists()))
    assert seen[-1] is False  # gone before the vectors were written


class StoppingEmbedder(TinyEmbedder):
    """Is interrupted before its third batch."""

    def __call__(self, pixels: NDArray[np.uint8]) -> TinyPredictions:
        if self.photos >= 8:
            raise KeyboardInterrupt
        return super().__call__(pixels)


def test_an_interrupted_build_goes_on_where_it_stopped(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "BULK", 4)
    with pytest.raises(KeyboardInterrupt):
        build(shop, embedder=StoppingEmbedder())
    assert shop.current() == Current(None, None)
    embedder = TinyEmbedder()
    report = build(shop, embedder=embedder)
    assert (report.embedded, embedder.photos, report.photos_reused) == (10, 10, 8)
    assert report.rows == 18


class DivergedEmbedder(TinyEmbedder):
    def __call__(self, pixels: NDArray[np.uint8]) -> TinyPredictions:
        predictions = super().__call__(pixels)
        return replace(predictions, embeddings=predictions.embeddings * np.nan)


def test_a_network_that_gives_no_numbers_reaches_neither_cache_nor_index(shop: Shop) -> None:
    with pytest.raises(BundleError, match=r"not of length 1.*vsearch train"):
        build(shop, embedder=DivergedEmbedder())
    assert build(shop, embedder=TinyEmbedder()).embedded == 18


class ImportingEmbedder(TinyEmbedder):
    """While it works on its first batch, another process imports an item."""

    def __init__(self, shop: Shop) -> None:
        super().__init__()
        self.shop = shop

    def __call__(self, pixels: NDArray[np.uint8]) -> TinyPredictions:
        if not self.photos:
            self.shop.catalogue.upsert_items([item_row(source(self.shop), "late", MILK, [900])])
        return super().__call__(pixels)


def test_what_is_imported_meanwhile_is_taken_in(shop: Shop) -> None:
    report = build(shop, embedder=ImportingEmbedder(shop))
    assert (report.embedded, report.indexed, report.waiting) == (19, 13, 0)


def test_a_shop_without_items_gets_an_empty_index(tmp_path: Path) -> None:
    with make_shop(tmp_path, {}) as shop:
        report = build(shop, embedder=TinyEmbedder())
        assert (report.rows, report.indexed, report.published) == (0, 0, True)
        current_version(shop).verify()


def test_without_a_trained_model_the_build_says_to_train(shop: Shop) -> None:
    with pytest.raises(ShopError, match=r"no trained model: run `vsearch train"):
        build(shop)


def test_two_builds_do_not_run_at_once(shop: Shop) -> None:
    with shop.lock("build"), pytest.raises(BusyError, match="another build is running"):
        build(shop, embedder=TinyEmbedder())


def test_the_report_is_the_json_that_scripts_read(shop: Shop) -> None:
    told = build(shop, embedder=TinyEmbedder()).to_json()
    assert {"embedded", "indexed", "rejected", "waiting", "version", "seconds"} <= told.keys()
    assert told["indexed"] == 12


def test_progress_starts_at_nothing_and_ends_with_all(shop: Shop) -> None:
    told: list[tuple[str, int, int]] = []
    build(shop, embedder=TinyEmbedder(), progress=lambda *call: told.append(call))
    for stage in ("embed", "index"):
        done = [(d, total) for name, d, total in told if name == stage]
        assert done[0] == (0, 18)
        assert done[-1] == (18, 18)
        assert done == sorted(done)


def fail(*_: object, **__: object) -> None:
    raise OSError("no space left on device")


def flip_a_bit(folder: Path, name: str, *rest: object) -> object:
    entry = WRITE_ARRAY(folder, name, *rest)
    data = bytearray((folder / name).read_bytes())
    data[-1] ^= 1
    (folder / name).write_bytes(data)
    return entry


WRITE_ARRAY: Callable[..., object] = version_files.write_array
FAILURES = [
    ("indexer.version_writer.write_array", fail),
    ("indexer.version_writer.write_array", flip_a_bit),
    ("indexer.version_writer.write_file", fail),
    ("indexer.version_writer.sync_path", fail),
    ("indexer.versions.IndexVersion.verify", fail),
    ("pathlib.Path.rename", fail),
    ("indexer.shop.Shop.publish", fail),
]


@pytest.mark.parametrize(("step", "failure"), FAILURES)
def test_a_failure_at_any_step_leaves_the_old_version_serving(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, step: str, failure: Callable[..., object]
) -> None:
    first = build(shop, embedder=TinyEmbedder())
    shop.catalogue.upsert_items([item_row(source(shop), "new", APPLE, [700])])
    with monkeypatch.context() as broken:
        broken.setattr(step, failure)
        with pytest.raises((OSError, VersionError), match=r"no space|SHA-256 differs|not length 1"):
            build(shop, embedder=TinyEmbedder())
    assert shop.current().index == first.version
    current_version(shop).verify()
    embedder = TinyEmbedder()
    report = build(shop, embedder=embedder)
    assert (report.embedded, report.indexed) == (0, 13)  # embedded before the failure
    assert not list(shop.indexes.glob(".*"))


def killed_at_every_step(shop: Shop, folder: Path) -> list[Path]:
    root = Path(__file__).parents[2]
    program = Path(__file__).with_name("killed_builds.py")
    subprocess.run(
        [sys.executable, str(program), str(shop.path), str(folder)],
        env={**os.environ, "PYTHONPATH": str(root), "OPENBLAS_NUM_THREADS": "1"},
        check=True,
        timeout=120,
    )
    return sorted(folder.iterdir(), key=lambda copy: int(copy.name))


def test_a_build_killed_before_any_step_leaves_a_shop_that_serves(
    shop: Shop, tmp_path: Path
) -> None:
    first = build(shop, embedder=TinyEmbedder())
    new: list[PhotoRow] = [photo_row(source(shop), seed) for seed in range(700, 706)]
    shop.catalogue.upsert_items([item_row(source(shop), "new", APPLE, range(700, 706))])
    shop.close()
    (tmp_path / "killed").mkdir()
    copies = killed_at_every_step(shop, tmp_path / "killed")
    assert len(copies) > 20
    served, embedded = set(), set()
    for copy in copies:
        with Shop.open(copy) as killed:
            version = current_version(killed)
            version.verify()
            served.add(version.name == first.version)
            assert (version.name == first.version) == (version.manifest.rows == 18)
            known = killed.catalogue.embeddings("e" * 16, [photo.content_hash for photo in new])
            report: BuildReport = build(killed, embedder=TinyEmbedder())
            embedded.add(report.embedded)
            assert report.embedded == 6 - len(known)
            assert (report.indexed, report.rows) == (13, 24)
            assert not list(killed.indexes.glob(".*"))
    assert served == {True, False}
    assert embedded == {6, 2, 0}  # killed before the first batch, between them, after both
