"""A shop of painted squares behind the HTTP API, and a small trained one for the command line."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.app import create_app
from api.settings import ServerSettings
from indexer.build import build
from indexer.importing import import_manifest
from indexer.shop import Shop
from indexer.training import train_shop
from tests.indexer.tiny_network import TINY, offer_tiny
from tests.indexer.tiny_shop import TinyEmbedder, add_further, make_shop
from vsearch.data import Label
from vsearch.fit_network import NetworkConfig
from vsearch.train import TrainConfig

ITEMS = {
    "apple": (("Fruit", "Apple"), [1]),
    "pear": (("Fruit", "Pear"), [2, 3]),
    "A/1": (("Dairy", "Milk"), [4]),
    "café crème": (("Dairy", "Cream"), [5]),
    "knife": (("Kitchen",), [6]),
}
LABELS = [
    Label("Apple", ("Fruit", "Apple")),
    Label("Pear", ("Fruit", "Pear")),
    Label("Milk", ("Dairy", "Milk")),
]


@pytest.fixture
def embedder() -> TinyEmbedder:
    """The network behind the HTTP API."""
    return TinyEmbedder(LABELS)


@pytest.fixture
def shop(tmp_path: Path, embedder: TinyEmbedder) -> Iterator[Shop]:
    """A shop of five items, built; the apple has a customer's photo too."""
    with make_shop(tmp_path, ITEMS) as made:
        add_further(made, "apple", 101, "train")
        build(made, embedder=embedder)
        yield made


Serve = Callable[..., TestClient]


@pytest.fixture
def serve(embedder: TinyEmbedder) -> Iterator[Serve]:
    """Start the HTTP API on a shop."""
    clients: list[TestClient] = []

    def start(path: Path, root_path: str = "", **settings: object) -> TestClient:
        app = create_app(
            ServerSettings(shop=path, **settings),  # type: ignore[arg-type]
            lambda _shop, _model: embedder,
        )
        client = TestClient(app, raise_server_exceptions=False, root_path=root_path)
        client.__enter__()
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.__exit__()


@pytest.fixture
def client(shop: Shop, serve: Serve) -> TestClient:
    """A client of the HTTP API on the built shop."""
    return serve(shop.path)


@dataclass(frozen=True)
class Manifests:
    """A small catalogue on disk."""

    folder: Path
    catalogue: Path
    photos: Path
    queries: Path


COLOURS = {"red": (200, 30, 40), "green": (30, 160, 60), "blue": (40, 60, 200)}
SHAPES = ("box", "stripes", "frame", "half")


def paint(path: Path, shape: str, colour: tuple[int, int, int], seed: int) -> None:
    """Paint a product: a coloured shape, moved a little and grainy, as every seed has it."""
    rng = np.random.default_rng(seed)
    pixels = np.full((64, 64, 3), 245, np.int64)
    x, y = rng.integers(4, 16, 2)
    part = pixels[y : y + 44, x : x + 44]
    if shape == "stripes":
        part[::8] = part[1::8] = part[2::8] = part[3::8] = colour
    elif shape == "half":
        part[:, :22] = colour
    else:
        part[:] = colour
    if shape == "frame":
        part[10:-10, 10:-10] = 245
    grain = rng.integers(-12, 13, pixels.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8)).save(path)


@pytest.fixture(scope="session")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> Manifests:
    """Twelve items of four shapes and three colours, each with photos of every kind."""
    folder = tmp_path_factory.mktemp("catalogue")
    items, photos, queries = [], [], []
    for number, (shape, colour) in enumerate((s, c) for s in SHAPES for c in COLOURS):
        item_id = f"{colour}-{shape}"
        for name in ("catalogue", "train", "train2", "val", "test"):
            path = f"images/{name}/{item_id}.png"
            paint(folder / path, shape, COLOURS[colour], 100 * number + len(name))
            row = {"item_id": item_id, "image_path": path, "split": name.rstrip("2")}
            if name == "catalogue":
                title = f"{colour.capitalize()} {shape} [bold]"
                items.append(
                    {**row, "category": f"Shapes > {shape}", "title": title, "colour": colour}
                )
            elif name == "test":
                queries.append({**row, "colour": colour})
            else:
                photos.append(row)
    items.append({**items[0], "item_id": "lost", "image_path": "images/none.png"})
    for entry in items:
        del entry["split"]
    rows = {"catalogue": items, "photos": photos, "queries": queries}
    paths = {name: folder / f"{name}.csv" for name in rows}
    for name, entries in rows.items():
        with paths[name].open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(entries[0]))
            writer.writeheader()
            writer.writerows(entries)
    return Manifests(folder, **paths)


@pytest.fixture(scope="session", autouse=True)
def tiny_network() -> Iterator[None]:
    """Offer the backbone “tiny”: the commands then train in a second."""
    with pytest.MonkeyPatch.context() as patch:
        offer_tiny(patch)
        yield


@pytest.fixture(scope="session")
def trained(
    manifests: Manifests, tmp_path_factory: pytest.TempPathFactory, tiny_network: None
) -> Path:
    """A folder whose `shop` was imported, trained for one epoch, and built."""
    folder = tmp_path_factory.mktemp("demo")
    network = NetworkConfig(epochs=1, batch=8)
    config = TrainConfig(backbone=TINY, dim=16, network=network)
    with Shop.create(folder / "shop", name="Painted") as shop:
        import_manifest(shop, manifests.catalogue, photos=[manifests.photos])
        train_shop(shop, config, labels=("item_id",))
        build(shop)
    return folder
