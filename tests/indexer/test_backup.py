"""Backups: what is in them, that they come back whole, and that a shop in use can be copied."""

import json
import shutil
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.archive import HEADER, LIST, Count
from indexer.archive_reader import Contents, read_archive
from indexer.backup import backup
from indexer.build import build
from indexer.pinned import pin
from indexer.records import ItemRow
from indexer.restore import restore
from indexer.shop import Shop
from indexer.versions import prune, version_folders
from tests.indexer.bundled_shop import (
    answers,
    bundled,
    flip,
    make_bundled_shop,
    own_photo,
    tiny_bundle,
    use_model,
)
from tests.indexer.tiny_network import offer_tiny
from tests.indexer.tiny_shop import TinyEmbedder, item_row, make_shop
from vsearch.errors import BundleError, BusyError, ShopError, VersionError

__all__ = ["bundled"]


@pytest.fixture(autouse=True)
def tiny_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    offer_tiny(monkeypatch)


@pytest.fixture
def shop(bundled: Path, tmp_path: Path) -> Iterator[Shop]:
    """A copy of the built shop that may be changed."""
    with Shop.open(shutil.copytree(bundled, tmp_path / "shop")) as opened:
        yield opened


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Shop]:
    """A built shop whose manifest's photos may be changed too; they lie in `whole/source`."""
    with Shop.open(make_bundled_shop(tmp_path / "whole")) as opened:
        yield opened


def names_in(path: Path) -> set[str]:
    if path.is_dir():
        return {p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()}
    with tarfile.open(path) as tar:
        return set(tar.getnames())


@pytest.mark.parametrize("name", ["shop.tar", "folder"])
def test_a_shop_comes_back_with_the_same_answers(shop: Shop, tmp_path: Path, name: str) -> None:
    told: dict[str, tuple[int, int]] = {}
    report = backup(shop, tmp_path / name, progress=lambda s, d, t: told.update({s: (d, t)}))
    assert (report.items, report.photos, report.photos_elsewhere) == (5, 1, 5)
    assert (report.sequence, report.photos_missing) == (shop.catalogue.seq(), 0)
    assert all(done == total > 0 for done, total in told.values())
    assert list(told) == ["catalogue", "photos", "files", "verify"]
    restored = restore(tmp_path / name, tmp_path / "again")
    assert (restored.items, restored.notes, restored.photos_missing) == (5, (), 0)
    assert answers(tmp_path / "again") == answers(shop.path)
    with Shop.open(tmp_path / "again") as again:
        assert again.settings == shop.settings
        assert again.current() == shop.current()
        assert again.trained_model() == shop.trained_model()
        assert [p.path for _, p in again.catalogue.photos()][-1].is_relative_to(again.path)
        assert not build(again).published
    assert {p.name for p in tmp_path.iterdir()} == {"shop", name, "again"}


def test_what_is_in_a_backup_and_what_is_not(shop: Shop, tmp_path: Path) -> None:
    shop.cache.mkdir(exist_ok=True)
    (shop.cache / "features.db").write_bytes(b"made again")
    shop.catalogue.upsert_items([item_row(tmp_path, "new", ("Fruit",), [9])])
    old = shop.current().index
    build(shop)
    unused = tiny_bundle(7).save(shop.models).name
    for name in ("keys.json", "audit.csv", f"models/{shop.current().model}/report.html"):
        (shop.path / name).write_text("{}")
    backup(shop, tmp_path / "b.tar")
    names = names_in(tmp_path / "b.tar")
    tops = {HEADER, LIST, "shop.toml", "catalogue.db", "CURRENT", "TRAINED"}
    tops |= {"keys.json", "audit.csv"}
    assert tops == {name for name in names if "/" not in name}
    assert f"models/{shop.current().model}/report.html" in names
    restore(tmp_path / "b.tar", tmp_path / "again")
    assert (tmp_path / "again" / "audit.csv").read_text() == "{}"
    folders = {"/".join(name.split("/")[:2]) for name in names if "/" in name}
    current = shop.current()
    assert {f"models/{current.model}", f"indexes/{current.index}"} < folders
    assert not {f"models/{unused}", f"indexes/{old}", "cache/features.db"} & folders
    assert [name for name in names if name.startswith("photos/")] == [
        own_photo(shop, 5).path.relative_to(shop.path).as_posix()
    ]


def test_a_model_that_waits_for_its_build_is_in(shop: Shop, tmp_path: Path) -> None:
    waiting = use_model(shop, seed=1)
    backup(shop, tmp_path / "b")
    restore(tmp_path / "b", tmp_path / "again")
    with Shop.open(tmp_path / "again") as again:
        assert again.trained_model() == waiting != again.current().model
        assert build(again).model == waiting


def test_a_shop_without_model_or_index_can_be_kept_too(tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop", name="Größe") as shop:
        backup(shop, tmp_path / "b.tar")
    report = restore(tmp_path / "b.tar", tmp_path / "again")
    assert (report.name, report.items, report.model, report.version) == ("Größe", 0, None, None)


def test_with_photos_a_shop_needs_nothing_else(whole: Shop, tmp_path: Path) -> None:
    inside = whole.path / "incoming"  # a manifest may lie in the shop's folder
    inside.mkdir()
    whole.catalogue.upsert_items([item_row(inside, "inside", ("Fruit",), [20])])
    (tmp_path / "whole/source/2.png").write_bytes(b"no longer what was imported")
    report = backup(whole, tmp_path / "b.tar", photos=True)
    assert (report.photos, report.photos_elsewhere, report.photos_missing) == (6, 0, 1)
    (tmp_path / "whole").rename(tmp_path / "away")
    restored = restore(tmp_path / "b.tar", tmp_path / "again")
    assert restored.photos_missing == 1
    with Shop.open(tmp_path / "again") as again:
        for item, photo in again.catalogue.photos():
            if item.item_id != "milk":
                assert photo.path.is_relative_to(again.photos)
                assert photo.path.is_file()
        use_model(again, seed=1)
        assert build(again).embedded == 6


def test_photos_elsewhere_are_told_and_looked_for(whole: Shop, tmp_path: Path) -> None:
    assert backup(whole, tmp_path / "b").photos_elsewhere == 5
    assert restore(tmp_path / "b", tmp_path / "here").photos_missing == 0
    (tmp_path / "whole/source").rename(tmp_path / "away")
    assert restore(tmp_path / "b", tmp_path / "there").photos_missing == 5


def test_a_photo_keeps_its_time_so_that_an_import_knows_it(shop: Shop, tmp_path: Path) -> None:
    photo = own_photo(shop, 5).path
    backup(shop, tmp_path / "b")
    restore(tmp_path / "b", tmp_path / "again")
    again = tmp_path / "again" / photo.relative_to(shop.path)
    assert again.stat().st_mtime_ns == photo.stat().st_mtime_ns


def test_the_copy_is_of_one_moment_while_others_write(shop: Shop, tmp_path: Path) -> None:
    stop, wrote = threading.Event(), [0]

    def change() -> None:
        with Shop.open(shop.path) as other:
            while not stop.is_set():
                name = f"new-{wrote[0]}"
                row = ItemRow(name, name, ("Fruit", "Apple"), (own_photo(other, 100 + wrote[0]),))
                other.catalogue.upsert_items([row])
                wrote[0] += 1

    def rebuild() -> None:
        with Shop.open(shop.path) as other:
            while not stop.is_set():
                build(other)

    threads = [threading.Thread(target=change), threading.Thread(target=rebuild)]
    for thread in threads:
        thread.start()
    try:
        reports = [backup(shop, tmp_path / f"{n}.tar") for n in range(4)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert reports[-1].items > reports[0].items
    for n, report in enumerate(reports):
        restored = restore(tmp_path / f"{n}.tar", tmp_path / str(n))
        assert (restored.items, restored.sequence) == (report.items, report.sequence)
        with Shop.open(tmp_path / str(n)) as again:
            assert len(list(again.catalogue.items())) + 1 == report.items == report.photos + 4
            done = build(again)
            assert (done.indexed, done.waiting, done.rejected) == (report.items - 1, 0, 1)


def test_a_version_that_is_pruned_meanwhile_is_copied_whole(shop: Shop, tmp_path: Path) -> None:
    first = shop.current()

    def meanwhile(stage: str, done: int, total: int) -> None:
        if stage == "catalogue" and shop.current() == first:
            for seed in range(30, 34):
                shop.catalogue.upsert_items([item_row(tmp_path, f"i{seed}", ("Fruit",), [seed])])
                build(shop)
            with shop.lock("build"):
                prune(shop, keep=1)

    report = backup(shop, tmp_path / "b.tar", progress=meanwhile)
    assert report.version == first.index
    assert first.index not in {folder.name for folder in version_folders(shop)}
    restore(tmp_path / "b.tar", tmp_path / "again")
    assert len(answers(tmp_path / "again")[0]) >= 4


def test_a_photo_that_is_deleted_meanwhile_is_missed_by_nobody(shop: Shop, tmp_path: Path) -> None:
    deleted: list[str] = []

    def meanwhile(stage: str, done: int, total: int) -> None:
        if stage == "photos" and not done and not deleted:
            shop.catalogue.upsert_items(
                [ItemRow("late", "Late", ("Fruit",), (own_photo(shop, 60),))]
            )
            deleted.extend(shop.catalogue.delete_items(["pear"]).item_ids)

    report = backup(shop, tmp_path / "b.tar", progress=meanwhile)
    assert deleted == ["pear"]
    assert (report.items, report.photos, report.photos_missing) == (5, 1, 0)
    restore(tmp_path / "b.tar", tmp_path / "again")
    with Shop.open(tmp_path / "again") as again:
        assert again.catalogue.get("pear") is None
        late = again.catalogue.get("late")
        assert late is not None
        assert all(photo.path.is_file() for photo in again.catalogue.photos_of(late.key))


def test_a_photo_that_is_lost_is_told(shop: Shop, tmp_path: Path) -> None:
    own_photo(shop, 5).path.unlink()
    assert backup(shop, tmp_path / "b.tar").photos_missing == 1


def test_a_pair_that_changes_while_it_is_opened_is_opened_again(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shop.current()
    shop.catalogue.upsert_items([item_row(tmp_path, "new", ("Fruit",), [9])])
    build(shop)
    after, read = shop.current(), Shop.current
    told = iter([before])
    assert before.index is not None
    shutil.rmtree(shop.indexes / before.index)
    monkeypatch.setattr(Shop, "current", lambda self: next(told, None) or read(self))
    with pin(shop) as pinned:
        assert pinned.current == after


def damage(shop: Shop, what: str) -> None:
    current = shop.current()
    assert current.index is not None
    assert current.model is not None
    version, model = shop.indexes / current.index, shop.models / current.model
    if what == "vectors":
        flip(version / "vectors.npy", -1)
    elif what == "manifest":
        (version / "manifest.json").write_text("{}")
    elif what == "version":
        shutil.rmtree(version)
    elif what == "weights":
        flip(model / "weights.safetensors", -1)
    elif what == "model":
        shutil.rmtree(model)
    else:
        with shop.catalogue.transaction() as connection:
            connection.execute("DELETE FROM changes")


@pytest.mark.parametrize(
    ("what", "error", "told"),
    [
        (
            "vectors",
            VersionError,
            r"vectors\.npy is damaged \(SHA-256 differs\): run `vsearch build`",
        ),
        ("manifest", VersionError, r"manifest\.json cannot be read"),
        ("version", VersionError, "which CURRENT names: run `vsearch build`"),
        ("weights", BundleError, "changed or damaged"),
        ("model", BundleError, "which the shop names as a model: train again"),
        ("changes", VersionError, "the catalogue ends at 0: it is an older one"),
    ],
)
def test_a_damaged_shop_is_told_instead_of_being_kept(
    shop: Shop, tmp_path: Path, what: str, error: type[Exception], told: str
) -> None:
    damage(shop, what)
    with pytest.raises(error, match=told):
        backup(shop, tmp_path / "b.tar")
    assert {p.name for p in tmp_path.iterdir()} == {"shop"}


def test_a_target_that_is_there_or_cannot_be_is_refused(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_bytes(b"an older one")
    with pytest.raises(ShopError, match="is there already"):
        backup(shop, tmp_path / "b.tar")
    assert (tmp_path / "b.tar").read_bytes() == b"an older one"
    with pytest.raises(ShopError, match=r"ends in \.tar"):
        backup(shop, tmp_path / "b.tar.gz")
    with pytest.raises(ShopError, match=r"there is no folder .*disk for b"):
        backup(shop, tmp_path / "disk" / "b.tar")


def test_a_failure_or_interrupt_leaves_nothing(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "files":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup(shop, tmp_path / "b.tar", progress=interrupt)

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("indexer.archive.write_member", full_disk)
    with pytest.raises(OSError, match="No space left"):
        backup(shop, tmp_path / "b.tar")
    assert {p.name for p in tmp_path.iterdir()} == {"shop"}


def test_two_backups_to_one_place_do_not_meet(shop: Shop, tmp_path: Path) -> None:
    def second(stage: str, done: int, total: int) -> None:
        if stage == "files" and not done:
            with pytest.raises(BusyError, match=r"writing .*b\.tar"):
                backup(shop, tmp_path / "b.tar")
            backup(shop, tmp_path / "other.tar")

    backup(shop, tmp_path / "b.tar", progress=second)
    assert names_in(tmp_path / "b.tar") == names_in(tmp_path / "other.tar")


def test_what_was_written_wrongly_is_found_before_it_has_its_name(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def after_damage(path: Path, folder: None, count: Count) -> Contents:
        flip(path, path.stat().st_size // 2)
        return read_archive(path, folder, count)

    monkeypatch.setattr("indexer.backup.read_archive", after_damage)
    with pytest.raises(ShopError, match="damaged"):
        backup(shop, tmp_path / "b.tar")
    assert {p.name for p in tmp_path.iterdir()} == {"shop"}


def test_the_network_of_a_test_is_no_bundle(tmp_path: Path) -> None:
    with make_shop(tmp_path, {"apple": (("Fruit",), [1])}) as shop:
        build(shop, embedder=TinyEmbedder())
        with pytest.raises(BundleError, match="train again"):
            backup(shop, tmp_path / "b.tar")


def test_the_header_tells_people_what_it_is(shop: Shop, tmp_path: Path) -> None:
    backup(shop, tmp_path / "b")
    header = json.loads((tmp_path / "b" / HEADER).read_text())
    assert header["kind"] == "vsearch backup"
    assert header["shop"] == shop.settings.name
    assert (header["model"], header["version"]) == (shop.current().model, shop.current().index)
