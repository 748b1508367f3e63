"""An audit of a whole shop: wrong labels, copies and odd photos found, decided on, and settled."""

import csv
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.apply_decisions import apply_decisions
from indexer.audit import audit
from indexer.audit_file import write_audit
from indexer.audit_report import AuditReport, DoubtfulLabel
from indexer.build import build
from indexer.importing import import_manifest
from indexer.shop import Shop
from indexer.training import train_shop
from tests.indexer.colour_shop import COLOURS, write_photo, write_rows
from tests.indexer.tiny_network import TINY, offer_tiny, write_weights
from vsearch.data import LabelledPhoto
from vsearch.errors import ShopError
from vsearch.fit_head import HeadConfig
from vsearch.train import TrainConfig

WRONG = {"Red-5": "Green", "Green-5": "Blue", "Blue-5": "Red"}  # photo → the item it is put under


def paint(folder: Path) -> None:
    """Paint three items with two catalogue photos and six further photos each, and a copy."""
    items, photos = [], []
    for colour, rgb in COLOURS.items():
        for place in range(2):
            write_photo(folder / f"{colour}-c{place}.png", rgb, 50 + place)
        items.append(
            {
                "item_id": colour,
                "image_path": f"{colour}-c0.png",
                "additional_image_link": f"{colour}-c1.png",
                "category": f"Paint > {colour}",
                "colour": colour,
            }
        )
        for place in range(6):
            name = f"{colour}-{place}"
            write_photo(folder / f"{name}.png", rgb, place)
            split = "val" if place == 4 else "train"
            item_id = WRONG.get(name, colour)
            photos.append({"item_id": item_id, "image_path": f"{name}.png", "split": split})
    write_photo(folder / "test.png", COLOURS["Red"], 99)
    photos.append({"item_id": "Blue", "image_path": "test.png", "split": "test"})
    shutil.copy(folder / "Red-0.png", folder / "copy.png")
    photos.append({"item_id": "Blue", "image_path": "copy.png", "split": "train"})
    write_rows(folder / "catalogue.csv", items)
    write_rows(folder / "photos.csv", photos)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the manifests and the shop, trained by items and built with all views."""
    folder = tmp_path_factory.mktemp("audit")
    paint(folder)
    write_weights(folder / "tiny.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        offer_tiny(patch)
        with Shop.create(folder / "shop") as shop:
            import_manifest(shop, folder / "catalogue.csv", photos=[folder / "photos.csv"])
            train_shop(shop, config(folder), labels=("item_id",))
            build(shop, views="all")
        yield folder


def config(folder: Path) -> TrainConfig:
    weights, head = str(folder / "tiny.safetensors"), HeadConfig(steps=80, batch=16)
    return TrainConfig(TINY, weights=weights, dim=16, trained="head", head=head)


@pytest.fixture(scope="module")
def report(made: Path) -> AuditReport:
    """What an audit of the shop finds."""
    with Shop.open(made / "shop") as opened:
        return audit(opened, folds=4)


@pytest.fixture
def shop(made: Path, tmp_path: Path) -> Iterator[Shop]:
    shutil.copytree(made / "shop", tmp_path / "shop")
    with Shop.open(tmp_path / "shop") as opened:
        yield opened


def named(labels: list[DoubtfulLabel]) -> list[str]:
    return [one.photo.path.stem for one in labels]


def check(report: AuditReport) -> None:
    json.dumps(report.to_json())
    doubts = [one.doubt for one in report.labels if not one.alone]
    assert doubts == sorted(doubts, reverse=True)


def test_what_is_wrong_is_found(report: AuditReport) -> None:
    check(report)
    assert {*WRONG, "copy"} <= set(named(list(report.labels[:5])))
    worst = {one.photo.path.stem: one.suggested for one in report.labels[:5]}
    assert worst.items() >= {"Red-5": "Red", "Green-5": "Green", "copy": "Red"}.items()
    assert len(report.labels) == 25
    assert "test" not in named(list(report.labels))
    assert report.features == "tiny as it came"
    (group,) = report.duplicates
    assert [one.photo.path.stem for one in group.photos] == ["Red-0", "copy"]
    assert (group.same_bytes, group.alike, group.variants) == (True, 1.0, False)
    assert "copy" not in {one.photo.path.stem for one in report.odd}
    assert report.views == 21  # distinct train photos
    document = report.to_json(limit=2)
    assert (document["judged"], len(document["labels"])) == (25, 2)
    assert document["suspects"] == len(report.suspects)


def test_the_second_audit_decodes_nothing(
    shop: Shop, report: AuditReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> bytes:
        raise AssertionError("a photo is read again")

    monkeypatch.setattr(LabelledPhoto, "read", read)
    assert replace(audit(shop, folds=4), seconds=0) == replace(report, seconds=0)


def test_decisions_are_taken_over_and_settled(
    shop: Shop, report: AuditReport, made: Path, tmp_path: Path
) -> None:
    rows = report.rows()
    assert len({(row.content_hash, row.item_id, row.column, row.kind) for row in rows}) == len(rows)
    decided = []
    for row in rows:
        stem = Path(row.photo).stem
        if stem in WRONG and row.kind == "label":
            decided.append(replace(row, decision="relabel", new_label=stem[:-2]))
        elif stem == "copy":
            decided.append(replace(row, decision="drop"))
        else:
            decided.append(replace(row, decision="accept"))
    path = tmp_path / "audit.csv"
    write_audit(path, decided)
    applied = apply_decisions(shop, path)
    assert applied.refused == []
    assert (applied.relabelled, applied.dropped) == (3, 1)
    for name, wrong in WRONG.items():
        stands = {i.item_id for i, p in shop.catalogue.photos() if p.path.stem == name}
        assert stands == {name[:-2]} != {wrong}
    again = import_manifest(shop, made / "catalogue.csv", photos=[made / "photos.csv"])
    assert (again.kept_decisions, again.photos_added, again.changed) == (4, 0, 0)
    built = build(shop)
    assert built.published
    assert built.embedded == 0
    after = audit(shop, folds=2)
    judged = [row for row in decided if row.kind != "duplicate" and row.decision != "drop"]
    assert after.settled == len(judged)
    asked = {(row.photo, row.item_id) for row in judged}
    assert not {(str(o.photo.path), o.item.item_id) for o in after.labels} & asked
    assert after.duplicates == ()


def test_categories_and_attributes_are_judged_too(shop: Shop, made: Path) -> None:
    train_shop(shop, config(made), labels=("category", "colour"))
    report = audit(shop, folds=3)
    check(report)
    columns = {one.column: one for one in reversed(report.labels)}
    assert (columns["category"].label, columns["colour"].label) == (
        f"Paint > {columns['category'].item.item_id}",
        columns["colour"].item.item_id,
    )
    assert set(WRONG) <= set(named(list(report.labels[:12])))


def test_one_class_is_refused_and_the_rest_is_still_looked_at(shop: Shop, made: Path) -> None:
    weights = str(made / "tiny.safetensors")
    train_shop(shop, TrainConfig(TINY, weights=weights, objective="one-class", dim=4))
    report = audit(shop)
    assert report.refused is not None
    assert "one-class has one label" in report.refused
    assert (report.labels, report.features) == ((), None)
    assert len(report.duplicates) == 1
    check(report)


def test_a_shop_without_index_or_model(shop: Shop, tmp_path: Path) -> None:
    (shop.path / "CURRENT").unlink()
    report = audit(shop, folds=2)
    assert (report.views, report.odd) == (0, ())
    assert len(report.duplicates) == 1
    with (
        Shop.create(tmp_path / "new") as new,
        pytest.raises(ShopError, match="has no trained model: run `vsearch train"),
    ):
        audit(new)


def test_odd_photos_are_told_with_what_they_look_like(report: AuditReport) -> None:
    odd = {one.photo.path.stem: one for one in report.odd}
    assert odd.keys() & WRONG.keys()
    for name in odd.keys() & WRONG.keys():
        assert odd[name].item.item_id == WRONG[name]
        assert odd[name].gap > 0
    rows = report.rows()
    labels = {row.content_hash for row in rows if row.kind == "label"}
    assert not labels & {row.content_hash for row in rows if row.kind == "odd"}


def test_the_file_can_be_read_by_a_spreadsheet(report: AuditReport, tmp_path: Path) -> None:
    path = tmp_path / "audit.csv"
    write_audit(path, report.rows(limit=3))
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(row["kind"] == "label" for row in rows) == 3
    first = report.suspects[0]
    assert (rows[0]["item_id"], rows[0]["label"]) == (first.item.item_id, first.label)
    assert float(rows[0]["doubt"]) == pytest.approx(first.doubt, abs=1e-4)
    assert {row["decision"] for row in rows} == {""}
