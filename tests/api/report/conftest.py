"""A tiny shop whose photos were asked with: what a report is drawn from."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from indexer.build import build
from indexer.evaluate import Evaluation, measure
from indexer.shop import Shop
from tests.indexer.query_photos import blurred, write_queries
from tests.indexer.tiny_shop import TinyEmbedder, TinyKind, add_further, item_row, make_shop
from vsearch.data import Label

PATHS = (("Fruit", "Apple"), ("Fruit", "Pear"), ("Dairy", "<b>Milk</b>"))
HOSTILE = '<img src=x onerror="alert(1)"></script><script>alert(2)</script>'
NAMES = [f"item-{i}" for i in range(8)] + [HOSTILE]
ITEMS = {name: (PATHS[i % 3], [10 * i]) for i, name in enumerate(NAMES)}
PRODUCTS = tuple(Label(name, path, "item_id") for name, (path, _) in ITEMS.items())

Ask = Callable[..., Evaluation]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Nine items with a catalogue photo each, one of them called like an attack."""
    with make_shop(tmp_path, {}) as made:
        folder = tmp_path / "source"
        made.catalogue.upsert_items(
            [
                item_row(folder, name, path, seeds, attributes={"colour": "red | blue"})
                for name, (path, seeds) in ITEMS.items()
            ]
        )
        for i, name in enumerate(NAMES):
            add_further(made, name, 10 * i + 1, "train")
        yield made


@pytest.fixture
def ask(shop: Shop, tmp_path: Path) -> Ask:
    """Build the shop with a kind of network and ask with four photos of each item."""

    def asked(
        kind: TinyKind | None = None,
        labels: tuple[Label, ...] = PRODUCTS,
        columns: tuple[str, ...] = ("item_id",),
        *,
        foreign: int = 0,
    ) -> Evaluation:
        embedder = TinyEmbedder(labels, label_columns=columns, objective=kind)
        build(shop, embedder=embedder, views="all")
        photos, rows = {}, []
        for i, name in enumerate(NAMES):
            for n in range(4):
                file = f"{i}-{n}.png"
                photos[file] = blurred(10 * i, 100 * i + n)
                rows.append({"image_path": file, "item_id": name, "category": ""})
        for n in range(foreign):
            photos[f"foreign-{n}.png"] = blurred(9000 + n, n)
            rows.append({"image_path": f"foreign-{n}.png", "item_id": "", "category": "Toys"})
        queries = write_queries(tmp_path / "queries", rows, photos)
        return measure(shop, queries, embedder=embedder)

    return asked


@pytest.fixture
def evaluation(ask: Ask) -> Evaluation:
    """The tiny shop of items, measured."""
    return ask()
