"""A shop with held-out photos, and networks that say of each what a test wants them to say."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.build import BuildReport, build
from indexer.candidates import newest_that_passes
from indexer.gate import MAX_DROP
from indexer.models import Promotion, promote
from indexer.search import Searcher
from indexer.shop import Shop
from tests.indexer.tiny_shop import (
    TinyEmbedder,
    TinyKind,
    TinyPredictions,
    add_further,
    make_shop,
    painted,
)
from vsearch.data import Label
from vsearch.errors import BundleError, ShopError
from vsearch.images import load

APPLE, MILK, PEAR = ("Fruit", "Apple"), ("Dairy", "Milk"), ("Fruit", "Pear")
LABELS = (Label("Dairy > Milk", MILK), Label("Fruit > Apple", APPLE))
ITEMS = {f"item-{i}": ((APPLE, MILK)[i % 2], [2 * i, 2 * i + 1]) for i in range(6)}
VAL = range(100, 160)
"""Seeds of held-out photos; even ones show apples."""


class Knowing(TinyEmbedder):
    """Says of every painted photo what it is told to say; of others, nothing in particular."""

    def __init__(
        self,
        says: Mapping[int, str | Sequence[str]],
        model: str = "a" * 16,
        *,
        labels: Sequence[Label] = LABELS,
        columns: tuple[str, ...] = ("category",),
        embedding: str = "e" * 16,
        objective: TinyKind | None = None,
    ) -> None:
        super().__init__(labels, columns, embedding, model, objective)
        names = [label.name for label in labels]
        self._says = {
            load(painted(seed), self.spec).tobytes(): [
                names.index(name) for name in ([said] if isinstance(said, str) else said)
            ]
            for seed, said in says.items()
        }

    def __call__(self, pixels: NDArray[np.uint8]) -> TinyPredictions:
        embeddings = super().__call__(pixels).embeddings
        logits = np.full((len(pixels), len(self.bundle.labels)), -5, np.float32)
        for row, photo in enumerate(pixels):
            logits[row, self._says.get(photo.tobytes(), [])] = 5
        return self._told(embeddings, logits)


def truth(seeds: Sequence[int] = VAL) -> dict[int, str]:
    """Return what a perfect model says of the held-out photos."""
    return {seed: LABELS[1 - seed % 2].name for seed in seeds}


def wrong_about(seeds: Sequence[int]) -> dict[int, str]:
    """Return what a model says that is right but for these photos."""
    return truth() | {seed: LABELS[seed % 2].name for seed in seeds}


def make_gated_shop(path: Path) -> Shop:
    """Make the shop; nothing is built. Its test photo must not be asked about."""
    shop = make_shop(path, ITEMS)
    for seed in VAL:
        add_further(shop, f"item-{seed % 2 + 2 * (seed % 3)}", seed, "val")
    add_further(shop, "item-0", 500, "test")
    return shop


@pytest.fixture(scope="session")
def gated_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the shop, not to be changed: its many photos take a second to come in."""
    folder = tmp_path_factory.mktemp("gated")
    make_gated_shop(folder).close()
    return folder


@pytest.fixture
def gated(gated_folder: Path, tmp_path: Path) -> Iterator[Shop]:
    """A copy of the shop, open; its photos lie where they were."""
    (tmp_path / "source").mkdir()
    with Shop.open(shutil.copytree(gated_folder / "shop", tmp_path / "shop")) as shop:
        yield shop


class Trained:
    """A shop's trained models: a folder each, and the network that is loaded in its place."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.networks: dict[str, Knowing] = {}

    def train(self, network: Knowing) -> str:
        """Make a network the newest trained model."""
        name = network.model_fingerprint
        self.networks[name] = network
        folder = self.shop.models / name
        folder.mkdir(parents=True, exist_ok=True)
        told = {
            "model_fingerprint": name,
            "embedding_fingerprint": network.embedding_fingerprint,
            "objective": network.objective.name,
            "label_columns": network.bundle.label_columns,
            "labels": [label.name for label in network.bundle.labels],
            "metrics": {"val_top1": 0.9},
            "parent": None,
        }
        (folder / "model.json").write_text(json.dumps(told))
        self.shop.set_trained_model(name)
        return name

    def load(self, shop: Shop, model: str | None) -> Knowing:
        """Load a network as `indexer.embedding.load_embedder` does."""
        if model is None:
            raise ShopError("no trained model: run `vsearch train`")
        if not (shop.models / model / "model.json").is_file():
            raise BundleError(f"model {model} is damaged")
        return self.networks[model]

    def build(self, max_drop: float = MAX_DROP) -> BuildReport:
        """Build as the command line does."""
        choose = partial(newest_that_passes, load=self.load, max_drop=max_drop)
        return build(self.shop, choose=choose)

    def promote(self, model: str, **options: bool | float) -> Promotion:
        """Promote as the command line does."""
        return promote(self.shop, model, load=self.load, **options)  # type: ignore[arg-type]

    def searcher(self) -> Searcher:
        """Open the pair that serves."""
        return Searcher.open(self.shop, embedder=self.load(self.shop, self.shop.current().model))

    def answers(self) -> list[object]:
        """Return what the service says of some photos: hits, labels, model, index version."""
        searcher = self.searcher()
        found = [searcher.search(painted(seed)) for seed in (*range(12), *VAL[:4])]
        return [
            ([(hit.item.item_id, hit.score) for hit in one.hits], one.labels, one.model, one.index)
            for one in found
        ]


@pytest.fixture
def trained(gated: Shop) -> Trained:
    """The shop with a perfect model in service."""
    made = Trained(gated)
    made.train(Knowing(truth()))
    assert made.build().gate is None
    return made
