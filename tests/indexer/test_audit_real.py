"""Wrong labels and a copy among real photos of a few similar products."""

import csv
import shutil
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from indexer.audit import audit
from indexer.importing import import_manifest
from indexer.shop import Shop
from indexer.training import train_shop
from tests.benchmarks.label_swaps import swap_labels
from vsearch.fit_head import HeadConfig
from vsearch.train import TrainConfig

pytestmark = pytest.mark.real

# Two kinds of apples, two of milk, two vegetables; as many phone photos of each for training.
PRODUCTS = ("Granny-Smith", "Royal-Gala", "Arla-Standard-Milk", "Oatly-Oat-Milk", "Carrots", "Leek")
PHOTOS = 14
CONFIG = TrainConfig(trained="head", renderings=1, head=HeadConfig(steps=150))


def write_part(source: Path, target: Path) -> None:
    """Copy the rows of these products and their photos; one photo becomes a copy elsewhere."""
    for name in ("catalogue.csv", "images.csv"):
        with (source / name).open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["item_id"] in PRODUCTS]
        seen: Counter[str] = Counter()
        kept = []
        for row in rows:
            seen[row["item_id"]] += row.get("split", "train") == "train"
            if row.get("split", "train") == "train" and seen[row["item_id"]] <= PHOTOS:
                kept.append(row)
                copy = target / row["image_path"]
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / row["image_path"], copy)
        if name == "images.csv":
            with Image.open(target / kept[0]["image_path"]) as photo:
                photo.resize((200, 200)).save(target / "copy.jpg", quality=70)
            kept.append(kept[-1] | {"image_path": "copy.jpg"})
        with (target / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(kept[0]))
            writer.writeheader()
            writer.writerows(kept)


def test_wrong_labels_and_a_copy_are_found(grocery_store: Path, tmp_path: Path) -> None:
    write_part(grocery_store, tmp_path)
    with Shop.create(tmp_path / "shop") as shop:
        import_manifest(
            shop,
            tmp_path / "catalogue.csv",
            photos=[tmp_path / "images.csv"],
            category_columns=["department", "category"],
        )
        swapped = swap_labels(shop, 0.06, within_category=False)
        train_shop(shop, CONFIG, labels=("item_id",))
        report = audit(shop, folds=4)
    assert len(swapped) == 5
    worst = [one.photo.content_hash for one in report.labels[: len(report.labels) // 10]]
    # Should be all of them, and the copy, whose label is as wrong as theirs.
    assert len(swapped & set(worst)) >= 4
    (group,) = [group for group in report.duplicates if not group.same_bytes]
    assert "copy.jpg" in {shared.photo.path.name for shared in group.photos}
    assert len(group.photos) == 2
