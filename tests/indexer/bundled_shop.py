"""A built shop whose model is a real bundle on disk: random weights, no training."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from indexer.build import build
from indexer.records import ItemRow, PhotoRow
from indexer.search import Searcher
from indexer.shop import Shop
from tests.indexer.tiny_network import TINY, offer_tiny
from tests.indexer.tiny_shop import SIDE, item_row, painted
from vsearch.bundle import Bundle, weights_of
from vsearch.data import Label
from vsearch.models.architectures import NetworkSpec
from vsearch.models.classifier import abstract_classifier
from vsearch.models.initialise import initialise
from vsearch.objectives import DEFAULT, OBJECTIVES

LABELS = (Label("Apple", ("Fruit", "Apple")), Label("Milk", ("Dairy", "Milk")))
ITEMS = {
    "apple": (("Fruit", "Apple"), [0, 1]),
    "milk": (("Dairy", "Milk"), [2]),
    "gala": (("Fruit", "Apple"), [3, 4]),
}


def tiny_bundle(seed: int = 0) -> Bundle:
    """Return a model with random weights; another seed gives another embedding."""
    network = abstract_classifier(NetworkSpec(TINY, 8), len(LABELS), OBJECTIVES[DEFAULT])
    initialise(network, seed)
    return Bundle(
        network=NetworkSpec(TINY, 8),
        weights=weights_of(network),
        labels=LABELS,
        label_columns=("category",),
        objective=DEFAULT,
        calibration={"scale": 10.0},
    )


def use_model(shop: Shop, seed: int = 0) -> str:
    """Give the shop a trained model, in service from the next build on."""
    bundle = tiny_bundle(seed)
    bundle.save(shop.models)
    shop.set_trained_model(bundle.model_fingerprint)
    return bundle.model_fingerprint


def own_photo(shop: Shop, seed: int) -> PhotoRow:
    """Keep a photo in the shop's own folder, as those that were fetched are."""
    data = painted(seed)
    name = hashlib.sha256(data).hexdigest()
    path = shop.photos / name[:2] / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return PhotoRow(name, path, SIDE, SIDE)


def make_bundled_shop(folder: Path) -> Path:
    """Make `folder/shop` of `ITEMS` and one item with a photo of the shop's own; build it."""
    source = folder / "source"
    source.mkdir(parents=True)
    with Shop.create(folder / "shop") as shop:
        rows = [item_row(source, item_id, *contents) for item_id, contents in ITEMS.items()]
        fetched = ItemRow("pear", "Pear", ("Fruit", "Pear"), (own_photo(shop, 5),))
        shop.catalogue.upsert_items([*rows, fetched, ItemRow("bare", "Bare", ("Fruit",), ())])
        use_model(shop)
        build(shop)
    return folder / "shop"


def answers(path: Path, seeds: Sequence[int] = (0, 2, 5, 40)) -> list[list[tuple[str, float]]]:
    """Return the hits of some photos: item and score."""
    with Shop.open(path) as shop:
        searcher = Searcher.open(shop)
        found = [searcher.search(painted(seed)).hits for seed in seeds]
        return [[(hit.item.item_id, hit.score) for hit in hits] for hits in found]


@pytest.fixture(scope="session")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a built shop with a real model; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        offer_tiny(patch)
        return make_bundled_shop(tmp_path_factory.mktemp("bundled"))


def flip(path: Path, place: int) -> None:
    """Flip a bit of a file."""
    data = np.fromfile(path, np.uint8)
    data[place] ^= 1
    data.tofile(path)
