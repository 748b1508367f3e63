"""Cleaning: what nothing needs is told and goes, and all else stays where it is."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.build import build
from indexer.checks import Sample, check_shop
from indexer.cleaning import Leftover, clean, leftovers
from indexer.models import promote
from indexer.shop import Shop
from indexer.training import train_shop
from indexer.versions import rollback
from tests.indexer.bundled_shop import bundled, make_bundled_shop, own_photo, tiny_bundle, use_model
from tests.indexer.tiny_network import TINY, offer_tiny, write_weights
from tests.indexer.tiny_shop import item_row
from vsearch.errors import BusyError
from vsearch.fit_head import HeadConfig
from vsearch.fit_network import NetworkConfig
from vsearch.train import TrainConfig

__all__ = ["bundled"]


@pytest.fixture(autouse=True)
def tiny_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    offer_tiny(monkeypatch)


@pytest.fixture
def shop(bundled: Path, tmp_path: Path) -> Iterator[Shop]:
    """A copy of the built shop that may be changed."""
    with Shop.open(shutil.copytree(bundled, tmp_path / "shop")) as opened:
        yield opened


def found(shop: Shop) -> dict[str, Leftover]:
    return {one.kind: one for one in leftovers(shop)}


def embeddings(shop: Shop) -> dict[str, int]:
    with shop.catalogue.frozen() as connection:
        rows = connection.execute(
            "SELECT embedding_fingerprint, count(*) FROM embeddings GROUP BY 1"
        ).fetchall()
        return {str(name): int(count) for name, count in rows}


def sound(shop: Shop) -> bool:
    return all(check.ok for check in check_shop(shop, sample=Sample(2)))


def test_a_shop_that_was_built_once_has_nothing_to_remove(shop: Shop) -> None:
    assert not [one for one in leftovers(shop) if one.removable]
    before = sorted(path for path in shop.path.rglob("*") if path.is_file())
    assert clean(shop) == []
    after = sorted(path for path in shop.path.rglob("*") if path.is_file())
    assert [p for p in after if p.suffix != ".lock"] == [p for p in before if p.suffix != ".lock"]


def test_models_that_nothing_names_go_with_their_embeddings(shop: Shop) -> None:
    first = shop.current().model
    for seed in (1, 2, 3, 4):
        use_model(shop, seed)
        build(shop)  # keeps three versions, so the first two of these models are named no more
    newest = use_model(shop, 5)
    unused = tiny_bundle(6).save(shop.models)
    assert len(embeddings(shop)) == 5
    models = found(shop)["models that nothing names"]
    assert {path.name for path in models.paths} >= {first, unused.name}
    assert (models.count, models.removable) == (3, True)
    vectors = found(shop)["cached embeddings of other models"]
    assert (vectors.count, vectors.bytes) == (12, 12 * 8 * 4)
    removed = clean(shop)
    assert {one.kind for one in removed} == {models.kind, vectors.kind}
    assert not unused.exists()
    assert set(embeddings(shop).values()) == {6}
    assert len(embeddings(shop)) == 3
    assert sound(shop)
    rollback(shop)
    rollback(shop)
    assert sound(shop)
    assert shop.trained_model() == newest
    assert build(shop).embedded == 0  # with the model that was gone back to
    promoted = promote(shop, newest).built
    assert promoted is not None
    assert promoted.embedded == 6


def test_the_last_embedding_stays_whatever_it_is_of(shop: Shop) -> None:
    with shop.catalogue.transaction() as connection:
        connection.execute("INSERT INTO embeddings VALUES ('0000000000000000', 'a', x'00000000')")
        connection.execute("INSERT INTO embeddings VALUES ('0000000000000000', 'b', x'00000000')")
    assert found(shop)["cached embeddings of other models"].count == 1
    clean(shop)
    assert embeddings(shop)["0" * 16] == 1  # readers go on from its number
    assert clean(shop) == []


def test_a_version_that_cannot_be_read_keeps_all_models(shop: Shop, tmp_path: Path) -> None:
    use_model(shop, 1)
    shop.catalogue.upsert_items([item_row(tmp_path, "new", ("Fruit",), [9])])
    old = shop.current().index
    assert old is not None
    build(shop)
    (shop.indexes / old / "manifest.json").write_text("{")
    assert not found(shop)["models that nothing names"].removable
    assert clean(shop) == []


def test_what_crashes_left_goes(shop: Shop) -> None:
    (shop.indexes / ".20200101T000000-00000000.partial").mkdir()
    (shop.models / ".draft-abc").mkdir()
    (shop.models / ".draft-abc" / "weights.safetensors").write_bytes(b"half")
    for name in (".CURRENT.1-2.tmp", ".CURRENT.3-4.tmp"):
        (shop.path / name).write_bytes(b"{")
    os.utime(shop.path / ".CURRENT.1-2.tmp", (0, 0))
    photo = own_photo(shop, 5).path
    photo.with_name(".a.jpg.1-2.tmp").write_bytes(b"half")
    os.utime(photo.with_name(".a.jpg.1-2.tmp"), (0, 0))
    kinds = found(shop)
    assert kinds["half-written files"].count == 2
    assert kinds["index versions in the making"].count == 1
    assert kinds["models that nothing names"].bytes == 4
    clean(shop)
    assert leftovers(shop) == []
    assert (shop.path / ".CURRENT.3-4.tmp").exists()  # may be being written
    assert photo.exists()


def test_what_servers_audits_and_evaluations_keep_is_known(shop: Shop) -> None:
    model = shop.current().model
    assert model is not None
    kept = [shop.models / model / name for name in ("report.html", "gate.json")]
    kept += [shop.path / "audit.csv", shop.path / "keys.json"]
    for path in kept:
        path.write_text("{}")
    (name, *_) = shop.catalogue.shown_hashes([item.key for item in shop.catalogue.items()]).values()
    shown, gone = (_thumbnail(shop, hashed) for hashed in (name[0], "0" * 64))
    half = shown.with_name(f".{shown.name}.1-2.tmp")
    half.write_bytes(b"half")
    os.utime(half, (0, 0))
    kinds = found(shop)
    assert "unknown things" not in kinds
    assert kinds["thumbnails in use"].paths == (shown,)
    assert kinds["thumbnails of photos that are gone"].paths == (gone,)
    assert {path for one in clean(shop) for path in one.paths} == {gone, half}
    assert all(path.exists() for path in (*kept, shown))
    assert sound(shop)


def _thumbnail(shop: Shop, name: str) -> Path:
    path = shop.cache / "thumbnails" / "384" / name[:2] / f"{name}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"small")
    return path


def test_what_is_not_known_is_told_and_stays(shop: Shop) -> None:
    lost = own_photo(shop, 50).path
    shop.cache.mkdir(exist_ok=True)
    unknown = [shop.models / "notes.txt", shop.indexes / "old", shop.cache / "mine.db"]
    for path in unknown:
        path.write_bytes(b"abc")
    assert found(shop)["photos that no item has"].paths == (lost,)
    assert found(shop)["unknown things"].paths == tuple(sorted(unknown))
    assert clean(shop) == []
    assert all(path.exists() for path in (*unknown, lost))


def test_nothing_goes_while_a_build_or_training_runs(shop: Shop) -> None:
    tiny_bundle(6).save(shop.models)
    for what in ("build", "train"):
        with shop.lock(what), pytest.raises(BusyError, match=f"another {what} is running"):
            clean(shop)
    assert len(clean(shop)) == 1


def config(weights: Path, seed: int = 0) -> TrainConfig:
    return TrainConfig(
        backbone=TINY,
        weights=str(weights),
        dim=8,
        seed=seed,
        trained="last",
        head=HeadConfig(steps=4, batch=4),
        network=NetworkConfig(epochs=1, batch=4),
    )


def test_caches_that_another_training_would_use_stay(tmp_path: Path) -> None:
    with Shop.open(make_bundled_shop(tmp_path)) as shop:
        train_shop(shop, config(write_weights(tmp_path / "one.safetensors")))
        build(shop)
        kept = set(shop.cache.glob("*.db"))
        assert {path.name.partition("-")[0] for path in kept} == {"features", "squares"}
        assert not [one for one in leftovers(shop) if one.removable and one.paths]
        clean(shop)
        assert set(shop.cache.glob("*.db")) == kept


def test_caches_of_other_trainings_go_unless_they_are_unfinished(tmp_path: Path) -> None:
    with Shop.open(make_bundled_shop(tmp_path)) as shop:
        train_shop(shop, config(write_weights(tmp_path / "one.safetensors")))
        kept = set(shop.cache.iterdir())
        ended = (shop.path / "TRAINED").stat().st_mtime
        others = ["features-0123456789abcdef.db", "squares-999.db", "judging-0123456789abcdef.npz"]
        for name in others:
            (shop.cache / name).write_bytes(b"old")
            os.utime(shop.cache / name, (ended - 60, ended - 60))
        for name, seconds in (("training-aa", -60), ("training-bb", 60)):
            (shop.cache / name / "8").mkdir(parents=True)
            for path in (shop.cache / name / "8", shop.cache / name):
                os.utime(path, (ended + seconds, ended + seconds))
        fresh = shop.cache / "features-fedcba9876543210.db"
        fresh.write_bytes(b"of a training that goes on")
        os.utime(fresh, (ended + 60, ended + 60))
        assert found(shop)["caches of older trainings"].count == 4
        clean(shop)
        assert set(shop.cache.iterdir()) == kept | {fresh, shop.cache / "training-bb"}
