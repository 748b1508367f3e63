"""A shop's catalogue as labelled photos, and the kind of classification that suits its labels."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from indexer.labels import PLACES, SOLD_HERE, all_of, in_order, labels_of, reads_as_boolean
from indexer.records import Item, Photo
from indexer.shop import Shop
from vsearch.data import Label, LabelledPhoto, PhotoLimits, TrainingData
from vsearch.errors import DataError
from vsearch.objectives import DEFAULT, objective_named
from vsearch.taxonomy import CategoryPath
from vsearch.train import TrainConfig

# Without val photos of its own, a shop's model is chosen on this share of the training photos…
HELD_OUT_SHARE = 0.1
# …of labels that can spare some.
HELD_OUT_FROM = 5


@dataclass(frozen=True)
class _Named:
    """A photo with its item and the names of its labels by column."""

    names: Mapping[str, tuple[str, ...]]
    item: Item
    photo: Photo


def training_of(
    shop: Shop, config: TrainConfig, columns: Sequence[str]
) -> tuple[TrainingData, TrainConfig]:
    """Return what a shop's model is trained on, and how, with the objective settled.

    Args:
        shop: a shop with an imported catalogue.
        config: how to train; without an objective the one that suits the labels is chosen.
        columns: where the labels come from.

    Raises:
        DataError: see `training_data`.
    """
    data = training_data(shop, columns, config.objective)
    return data, replace(config, objective=config.objective or objective_for(data))


def objective_for(data: TrainingData) -> str:
    """Return the kind of classification that labels ask for by themselves.

    Labels from several columns, or several labels on a photo, are multi-label; a yes and a no are
    binary; anything else has one label a photo.
    """
    several = any(len(photo.labels) > 1 for photo in (*data.train, *data.val))
    if several or len(data.label_columns) > 1:
        return "multi-label"
    return "binary" if reads_as_boolean({label.name for label in data.labels}) else DEFAULT


def training_data(shop: Shop, columns: Sequence[str], objective: str | None = None) -> TrainingData:
    """Return the labelled photos of splits train and val; test photos are never looked at.

    Args:
        shop: a shop with an imported catalogue.
        columns: `category`, `item_id` or attributes; a photo has the labels of its item in all of
            them, and an item without a value in any is left out.
        objective: the kind of classification, where it is settled. One that has a single label
            needs no column: it learns what all the shop's photos have in common.

    Raises:
        DataError: no item has one of the columns, or too little is left to train on.
    """
    pairs = list(shop.catalogue.photos(splits=("train", "val")))
    if not pairs:
        raise DataError("the shop has no photos to train on: import a catalogue first")
    if objective is not None and objective_named(objective).most_labels == 1:
        sold = {"": (SOLD_HERE,)}
        named = [_Named(sold, item, photo) for item, photo in pairs]
        return _data(shop, named, (Label(SOLD_HERE, (), ""),), ())
    columns = tuple(dict.fromkeys(columns))
    named = [_Named(own, *pair) for pair in pairs if (own := labels_of(pair[0], columns))]
    unfilled = [column for column in columns if not any(column in one.names for one in named)]
    if unfilled or not named:
        raise DataError(_no_label(unfilled, [item for item, _ in pairs]))
    return _data(shop, named, _labels(named, columns), columns)


def _data(
    shop: Shop, named: Sequence[_Named], labels: tuple[Label, ...], columns: tuple[str, ...]
) -> TrainingData:
    position = {label.name: index for index, label in enumerate(labels)}
    split: dict[str, list[LabelledPhoto]] = {"train": [], "val": []}
    for one in named:
        own = tuple(position[name] for name in all_of(one.names) if name in position)
        if own:
            photo, catalogue = one.photo, one.photo.role == "catalogue"
            labelled = LabelledPhoto(photo.path, photo.content_hash, own, catalogue)
            split[photo.split].append(labelled)
    if not split["val"]:
        split = _hold_out(split["train"])
    limits = PhotoLimits(shop.settings.max_bytes, shop.settings.max_pixels)
    return TrainingData(labels, columns, tuple(split["train"]), tuple(split["val"]), limits)


def _labels(named: Sequence[_Named], columns: Sequence[str]) -> tuple[Label, ...]:
    """Return the labels that have a photo to train on, each with its place in the category tree.

    That is the deepest category that holds all its items. Beside other columns an attribute has no
    place: it would say of a red shirt that it is likely to be anything else that is red.
    """
    paths: dict[str, set[CategoryPath]] = defaultdict(set)
    column_of: dict[str, str] = {}
    trainable: set[str] = set()
    for one in named:
        for column, names in one.names.items():
            for name in names:
                column_of[name] = column
                paths[name].add(one.item.category)
        trainable.update(all_of(one.names) if one.photo.split == "train" else ())

    def place(name: str) -> CategoryPath:
        placed = len(columns) == 1 or column_of[name] in PLACES
        return common_ancestor(paths[name]) if placed else ()

    return tuple(Label(name, place(name), column_of[name]) for name in in_order(trainable))


def common_ancestor(paths: Collection[CategoryPath]) -> CategoryPath:
    """Return the deepest category that holds all of some; () where that is the whole shop."""
    first, last = min(paths), max(paths)
    levels = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return tuple(name for name, _ in levels)


def _no_label(unfilled: Sequence[str], items: Sequence[Item]) -> str:
    columns = sorted({column for item in items for column in item.attributes})
    told = (
        f"no item has a value in the column “{unfilled[0]}”" if unfilled else "no column is named"
    )
    return f"{told}; labels can come from {', '.join((*PLACES, *columns))}"


def _hold_out(photos: Sequence[LabelledPhoto]) -> dict[str, list[LabelledPhoto]]:
    """Split train photos by their content hash, so that the same ones are held out every time."""
    counts = Counter(label for photo in photos for label in photo.labels)
    times = Counter(photo.content_hash for photo in photos)

    def held(photo: LabelledPhoto) -> bool:
        chosen = int(photo.content_hash[:8], 16) < HELD_OUT_SHARE * 2**32
        plenty = all(counts[label] >= HELD_OUT_FROM for label in photo.labels)
        return chosen and plenty and times[photo.content_hash] == 1

    val = [photo for photo in photos if held(photo)]
    kept = [photo for photo in photos if not held(photo)]
    # Chance may pick every photo of a label; then that label keeps all of them.
    bare = counts.keys() - {label for photo in kept for label in photo.labels}
    return {
        "train": kept + [photo for photo in val if bare.intersection(photo.labels)],
        "val": [photo for photo in val if not bare.intersection(photo.labels)],
    }
