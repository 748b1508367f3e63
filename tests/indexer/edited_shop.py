"""A built shop whose categories can be edited: a real model with random weights, no training."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.attributes import convert
from indexer.build import build
from indexer.search import Searcher
from indexer.shop import Shop
from tests.indexer.bundled_shop import tiny_bundle
from tests.indexer.tiny_network import offer_tiny
from tests.indexer.tiny_shop import add_further, item_row
from vsearch.bundle import Bundle, weights_of
from vsearch.data import Label
from vsearch.models.classifier import abstract_classifier
from vsearch.models.initialise import initialise
from vsearch.objectives import DEFAULT, OBJECTIVES
from vsearch.taxonomy import CategoryPath, format_path

FRUIT, DAIRY = ("Fruit",), ("Dairy",)
APPLE, PEAR, MILK, CREAM = (*FRUIT, "Apple"), (*FRUIT, "Pear"), (*DAIRY, "Milk"), (*DAIRY, "Cream")
ITEMS: Mapping[str, tuple[CategoryPath, Sequence[int], str]] = {
    "gala": (APPLE, [1, 2], "red"),
    "fuji": (APPLE, [3], "red"),
    "granny": (APPLE, [4, 5], "green"),
    "williams": (PEAR, [6], "green"),
    "whole": (MILK, [7, 8], "white"),
    "oat": (MILK, [9], "white"),
    "double": (CREAM, [10], "white"),
}
VAL = range(100, 125)  # enough to judge what is unknown


def bundle_of(labels: Sequence[Label], columns: tuple[str, ...] = ("category",)) -> Bundle:
    """Return a model of some labels with random weights."""
    plain = tiny_bundle()
    network = abstract_classifier(plain.network, len(labels), OBJECTIVES[DEFAULT])
    initialise(network, 0)
    weights = weights_of(network)
    return replace(plain, weights=weights, labels=tuple(labels), label_columns=columns)


def category_bundle() -> Bundle:
    """Return a model whose labels are the shop's categories."""
    return bundle_of([Label(format_path(p), p) for p in sorted({APPLE, PEAR, MILK, CREAM})])


def make_edited_shop(folder: Path, bundle: Bundle) -> Path:
    """Make `folder/shop` of `ITEMS` with val photos, and build it."""
    source = folder / "source"
    source.mkdir(parents=True)
    with Shop.create(folder / "shop") as shop:
        shop.catalogue.set_attribute_types({"colour": "text"}, convert)
        shop.catalogue.upsert_items(
            item_row(source, item_id, category, seeds, attributes={"colour": colour})
            for item_id, (category, seeds, colour) in ITEMS.items()
        )
        for place, seed in enumerate(VAL):
            add_further(shop, list(ITEMS)[place % len(ITEMS)], seed, "val")
        bundle.save(shop.models)
        shop.set_trained_model(bundle.model_fingerprint)
        build(shop)
    return folder / "shop"


@pytest.fixture(scope="session")
def edited_original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built shop; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        offer_tiny(patch)
        return make_edited_shop(tmp_path_factory.mktemp("edited"), category_bundle())


@pytest.fixture
def edited_folder(edited_original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shop's folder, to be edited."""
    offer_tiny(monkeypatch)
    return Path(shutil.copytree(edited_original, tmp_path / "shop"))


def items_within(searcher: Searcher, *path: str) -> set[str]:
    """Return the items that a search within a category finds."""
    query = searcher.version.vectors[:1]
    (hits,) = searcher.items.hits(query, 100, [path])
    return {hit.item.item_id for hit in hits}


def serving_bundle(shop: Shop) -> Bundle:
    """Return the model that serves."""
    return Bundle.load(shop.models / str(shop.current().model))


def category_shares(searcher: Searcher, data: bytes) -> dict[CategoryPath, float]:
    """Return the probabilities of all categories of any level that a photo may show."""
    return {one.path: one.probability for one in searcher.classify(data).categories}


def joined(shares: Mapping[CategoryPath, float]) -> float:
    """Return what the top level adds up to."""
    return sum(share for path, share in shares.items() if len(path) == 1)


@pytest.fixture
def shop(edited_folder: Path) -> Iterator[Shop]:
    with Shop.open(edited_folder) as opened:
        yield opened


@pytest.fixture
def other(edited_folder: Path) -> Iterator[Searcher]:
    """A searcher that another process has opened before any edit."""
    with Shop.open(edited_folder) as opened:
        yield Searcher.open(opened)


def tree(shop: Shop) -> dict[str, int]:
    """Return how many items lie in each category."""
    counts = shop.catalogue.category_counts()
    return {format_path(path): count for path, count in sorted(counts.items())}


def label_names(shop: Shop) -> list[str]:
    return [label.name for label in serving_bundle(shop).labels]
