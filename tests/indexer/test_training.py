import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.build import build
from indexer.importing import import_manifest
from indexer.shop import Shop
from indexer.training import train_shop
from indexer.training_data import training_data
from vsearch.bundle import Bundle
from vsearch.errors import DataError
from vsearch.fit_network import NetworkConfig
from vsearch.images import content_hash
from vsearch.train import TrainConfig

COLOURS = {"Red": (210, 40, 40), "Green": (40, 190, 60), "Blue": (40, 60, 210)}
BRIEF = TrainConfig(
    backbone="resnet-small", dim=16, network=NetworkConfig(epochs=2, batch=12, learning_rate=1e-2)
)


def write_photo(path: Path, colour: str, seed: int) -> None:
    rng = np.random.default_rng((seed, *colour.encode()))
    pixels = np.array(COLOURS[colour]) + rng.normal(0, 30, (48, 48, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)


def write_rows(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Two items of each of three colours, with further photos of every split."""
    items, further = [], []
    for number, colour in enumerate(("Red", "Red", "Green", "Green", "Blue", "Blue")):
        item_id = f"{colour}-{number}"
        write_photo(tmp_path / f"{item_id}.png", colour, number)
        row = {"item_id": item_id, "image_path": f"{item_id}.png", "colour": colour}
        items.append(row | {"category": f"Paint > {colour}"})
        for index, split in enumerate(("train", "train", "val", "test")):
            name = f"{split}/{item_id}-{index}.png"
            write_photo(tmp_path / name, colour, 100 * (index + 1) + number)
            further.append({"item_id": item_id, "image_path": name, "split": split})
    catalogue = write_rows(tmp_path / "catalogue.csv", items)
    photos = write_rows(tmp_path / "photos.csv", further)
    with Shop.create(tmp_path / "shop") as shop:
        assert import_manifest(shop, catalogue, photos=[photos]).rejected == 0
        yield shop


def hashes(folder: Path) -> set[str]:
    return {content_hash(path.read_bytes()) for path in folder.glob("*.png")}


def test_labels_come_from_category_item_or_attribute(shop: Shop) -> None:
    by_category = training_data(shop, ["category"])
    assert [label.name for label in by_category.labels] == [
        "Paint > Blue", "Paint > Green", "Paint > Red",
    ]  # fmt: skip
    by_item = training_data(shop, ["item_id"])
    assert (by_item.labels[0].name, by_item.labels[0].path) == ("Blue-4", ("Paint", "Blue"))
    assert [label.name for label in training_data(shop, ["colour"]).labels] == [
        "Blue", "Green", "Red",
    ]  # fmt: skip
    with pytest.raises(DataError, match=r"no item has a value in the column “size”; .*colour"):
        training_data(shop, ["size"])


def test_a_label_of_several_categories_has_their_common_ancestor(shop: Shop) -> None:
    manifest = shop.path.parent / "more.csv"
    write_photo(manifest.parent / "x.png", "Red", 999)
    row = {"item_id": "X", "image_path": "x.png", "category": "Paint > Red > Dark"}
    import_manifest(shop, write_rows(manifest, [row | {"colour": "Blue"}]))
    paths = {label.name: label.path for label in training_data(shop, ["colour"]).labels}
    assert paths == {"Blue": ("Paint",), "Green": ("Paint", "Green"), "Red": ("Paint", "Red")}


def test_test_photos_are_never_looked_at_and_val_is_never_trained_on(shop: Shop) -> None:
    data = training_data(shop, ["item_id"])
    folder = shop.path.parent
    trained, chosen = ({p.content_hash for p in part} for part in (data.train, data.val))
    assert trained == hashes(folder) | hashes(folder / "train")
    assert chosen == hashes(folder / "val")
    assert not hashes(folder / "test") & (trained | chosen)


def test_without_val_photos_a_fixed_part_is_held_out(tmp_path: Path) -> None:
    items = []
    for number in range(60):
        colour = ("Red", "Green", "Blue")[number % 3]
        write_photo(tmp_path / f"{number}.png", colour, number)
        items.append({"item_id": str(number), "image_path": f"{number}.png", "category": colour})
    with Shop.create(tmp_path / "shop") as shop:
        import_manifest(shop, write_rows(tmp_path / "catalogue.csv", items))
        data = training_data(shop, ["category"])
        assert training_data(shop, ["category"]) == data
        assert 0 < len(data.val) < 15
        assert len(data.val) + len(data.train) == 60
        alone = training_data(shop, ["item_id"])  # one photo a label: none can be spared
        assert (len(alone.train), len(alone.val)) == (60, 0)


def test_an_empty_shop_says_what_to_do(tmp_path: Path) -> None:
    with (
        Shop.create(tmp_path / "shop") as shop,
        pytest.raises(DataError, match="import a catalogue first"),
    ):
        training_data(shop, ["category"])


def test_a_trained_model_serves_from_the_next_build_on(shop: Shop) -> None:
    report = train_shop(shop, BRIEF, labels=["colour"])
    assert report.labels == 3
    assert not report.serving
    assert shop.trained_model() == report.model
    assert shop.current().model is None
    assert json.loads(json.dumps(report.to_json()))["photos"] == {"train": 18, "val": 6}
    assert Bundle.load(shop.models / report.model).label_columns == ("colour",)
    build(shop)
    assert shop.current().model == report.model
    # The same training again gives the same embedding, so it serves at once.
    assert train_shop(shop, BRIEF, labels=["colour"]).serving


@pytest.mark.real
def test_no_test_photo_of_the_grocery_store_is_trained_on(
    grocery_store: Path, tmp_path: Path
) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        import_manifest(
            shop, grocery_store / "catalogue.csv", photos=[grocery_store / "images.csv"]
        )
        data = training_data(shop, ["item_id"])
    used = {photo.content_hash for photo in (*data.train, *data.val)}
    held_out = {
        content_hash(path.read_bytes()) for path in (grocery_store / "images/test").rglob("*.jpg")
    }
    assert len(held_out) == 2485
    assert not held_out & used
    assert (len(data.train), len(data.val), len(data.labels)) == (2640 + 81, 296, 81)
