"""A catalogue as labelled photos: which labels there are, where they lie, what is held out."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from indexer.importing import import_manifest
from indexer.labels import in_order, label_names
from indexer.records import Value
from indexer.shop import Shop
from indexer.training_data import objective_for, training_data, training_of
from tests.indexer.colour_shop import COLOURS, make_colour_shop, write_photo, write_rows
from vsearch.data import TrainingData
from vsearch.errors import DataError
from vsearch.images import content_hash
from vsearch.taxonomy import CategoryPath
from vsearch.train import TrainConfig


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with make_colour_shop(tmp_path) as made:
        yield made


def hashes(folder: Path) -> set[str]:
    return {content_hash(path.read_bytes()) for path in folder.glob("*.png")}


def names(data: TrainingData) -> list[str]:
    return [label.name for label in data.labels]


def paths(data: TrainingData) -> dict[str, CategoryPath]:
    return {label.name: label.path for label in data.labels}


def labels_of_photo(data: TrainingData, photo: Path) -> set[str]:
    wanted = content_hash(photo.read_bytes())
    (found,) = (p for p in (*data.train, *data.val) if p.content_hash == wanted)
    return {data.labels[label].name for label in found.labels}


def add_item(shop: Shop, **cells: str) -> None:
    """Import one more item, more-1."""
    folder = shop.path.parent
    write_photo(folder / "more-1.png", COLOURS["Red"], 901)
    row = {"item_id": "more-1", "image_path": "more-1.png", "category": "Paint"}
    import_manifest(shop, write_rows(folder / "more.csv", [row | cells]))


def test_labels_come_from_category_item_or_attribute(shop: Shop) -> None:
    by_category = training_data(shop, ["category"])
    assert names(by_category) == ["Paint > Blue", "Paint > Green", "Paint > Red"]
    by_item = training_data(shop, ["item_id"])
    assert (by_item.labels[0].name, by_item.labels[0].path) == ("Blue-4", ("Paint", "Blue"))
    by_colour = training_data(shop, ["colour"])
    assert names(by_colour) == ["Blue", "Green", "Red"]
    assert {label.column for label in by_colour.labels} == {"colour"}
    with pytest.raises(DataError, match=r"no item has a value in the column “size”; .*colour"):
        training_data(shop, ["size"])
    with pytest.raises(DataError, match="the column “size”"):
        training_data(shop, ["colour", "size"])
    with pytest.raises(DataError, match="no column is named; labels can come from category"):
        training_data(shop, [])


def test_labels_of_several_columns_are_told_apart_and_only_places_lie_in_the_tree(
    shop: Shop,
) -> None:
    data = training_data(shop, ["category", "colour", "colour"])
    assert data.label_columns == ("category", "colour")
    assert paths(data) == {
        **{f"category: Paint > {colour}": ("Paint", colour) for colour in COLOURS},
        **{f"colour: {colour}": () for colour in COLOURS},
    }
    photo = shop.path.parent / "Red-0.png"
    assert labels_of_photo(data, photo) == {"category: Paint > Red", "colour: Red"}
    by_item = training_data(shop, ["colour", "item_id"])
    assert paths(by_item)["item_id: Red-0"] == ("Paint", "Red")


def test_a_cell_can_list_several_labels(shop: Shop) -> None:
    data = training_data(shop, ["tones"])
    assert paths(data) == {
        "cold": ("Paint", "Blue"), "strong": ("Paint",), "warm": ("Paint", "Red"),
    }  # fmt: skip
    assert labels_of_photo(data, shop.path.parent / "Red-0.png") == {"warm", "strong"}
    assert labels_of_photo(data, shop.path.parent / "val/Green-2-0.png") == {"strong"}


def test_an_item_that_lacks_a_column_lacks_its_label_and_without_any_it_is_left_out(
    shop: Shop,
) -> None:
    add_item(shop, colour="Red")
    both = training_data(shop, ["colour", "warm"])
    assert labels_of_photo(both, shop.path.parent / "more-1.png") == {"colour: Red"}
    photos = len(training_data(shop, ["warm"]).train)
    assert photos == len(training_data(shop, ["colour"]).train) - 1


def test_a_label_of_several_categories_has_their_common_ancestor(shop: Shop) -> None:
    add_item(shop, category="Paint > Red > Dark", colour="Blue")
    found = paths(training_data(shop, ["colour"]))
    assert found == {"Blue": ("Paint",), "Green": ("Paint", "Green"), "Red": ("Paint", "Red")}


def test_test_photos_are_never_looked_at_and_val_is_never_trained_on(shop: Shop) -> None:
    folder = shop.path.parent
    for columns, objective in (
        (["item_id"], None),
        (["category", "tones"], None),
        ([], "one-class"),
    ):
        data = training_data(shop, columns, objective)
        trained, chosen = ({p.content_hash for p in part} for part in (data.train, data.val))
        assert trained == hashes(folder) | hashes(folder / "train")
        assert chosen == hashes(folder / "val")
        assert not hashes(folder / "test") & (trained | chosen)


def test_one_class_needs_no_column(shop: Shop) -> None:
    data = training_data(shop, ["no such column"], "one-class")
    assert [(label.name, label.path, label.column) for label in data.labels] == [
        ("sold here", (), "")
    ]
    assert data.label_columns == ()
    assert {photo.labels for photo in (*data.train, *data.val)} == {(0,)}


@pytest.mark.parametrize(
    ("columns", "objective"),
    [
        (["category"], "normalised-softmax"),
        (["warm"], "binary"),
        (["tones"], "multi-label"),
        (["category", "colour"], "multi-label"),
    ],
)
def test_labels_say_which_objective_suits_them(
    shop: Shop, columns: Sequence[str], objective: str
) -> None:
    assert objective_for(training_data(shop, columns)) == objective
    assert training_of(shop, TrainConfig(), columns)[1].objective == objective
    asked = TrainConfig(objective="softmax")
    assert training_of(shop, asked, columns)[1] == asked


@pytest.mark.parametrize(
    ("given", "ordered"),
    [
        ({"yes", "no"}, ["no", "yes"]),
        ({"False", "True"}, ["False", "True"]),
        ({"Yes", "no"}, ["no", "Yes"]),
        ({"off", "ON"}, ["off", "ON"]),
        ({"0", "1"}, ["0", "1"]),
        ({"new", "used"}, ["new", "used"]),
        ({"yes", "maybe"}, ["maybe", "yes"]),
        ({"yes", "no", "both"}, ["both", "no", "yes"]),
    ],
)
def test_of_a_yes_and_a_no_the_yes_comes_last(given: set[str], ordered: list[str]) -> None:
    assert in_order(given) == ordered


def test_names_are_values_alone_or_with_their_column() -> None:
    cells: dict[str, Value] = {"sizes": " S | M |S||", "price": 3, "sale": True, "empty": " | "}

    def named(*columns: str) -> dict[str, tuple[str, ...]]:
        return label_names(columns, "A|1", ("Fruit", "Ap|ple"), cells)

    assert named("sizes") == {"sizes": ("S", "M")}
    assert named("price", "sale") == {"price": ("price: 3",), "sale": ("sale: True",)}
    assert named("empty", "none") == {}
    # What the shop itself calls items and categories is never taken apart.
    assert named("item_id") == {"item_id": ("A|1",)}
    assert named("category") == {"category": ("Fruit > Ap|ple",)}


def many_photos(folder: Path, **cells: str) -> Path:
    rows = []
    for number in range(60):
        colour = ("Red", "Green", "Blue")[number % 3]
        write_photo(folder / f"{number}.png", COLOURS[colour], number)
        row = {"item_id": str(number), "image_path": f"{number}.png", "category": colour}
        rows.append(row | {"tone": f"strong | {colour}"} | cells)
    return write_rows(folder / "catalogue.csv", rows)


def test_without_val_photos_a_fixed_part_is_held_out(tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        import_manifest(shop, many_photos(tmp_path))
        data = training_data(shop, ["category"])
        assert training_data(shop, ["category"]) == data
        assert 0 < len(data.val) < 15
        assert len(data.val) + len(data.train) == 60
        several = training_data(shop, ["category", "tone"])
        assert {p.content_hash for p in several.val} == {p.content_hash for p in data.val}
        alone = training_data(shop, ["item_id"])  # one photo a label: none can be spared
        assert (len(alone.train), len(alone.val)) == (60, 0)
        # Nor where one of several labels has no other photo.
        assert training_data(shop, ["category", "item_id"]).val == ()


def test_an_empty_shop_says_what_to_do(tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        for objective in (None, "one-class"):
            with pytest.raises(DataError, match="import a catalogue first"):
                training_data(shop, ["category"], objective)


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
