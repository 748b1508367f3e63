"""A shop that goes back and forth between two pairs, and answers that tell which pair gave them."""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexer.build import build
from indexer.shop import Current, Shop
from indexer.versions import rollback, versions
from tests.indexer.tiny_shop import TinyEmbedder, add_further, make_shop
from vsearch.data import Label
from vsearch.taxonomy import CategoryPath

RED, BLUE = "a" * 16, "b" * 16
EMBEDDINGS = {RED: "e" * 16, BLUE: "f" * 16}
APPLE, MILK = ("Fruit", "Apple"), ("Dairy", "Milk")
ITEMS: dict[str, tuple[CategoryPath, Sequence[int]]] = {
    f"item-{seed}": ((APPLE, MILK)[seed % 2], [seed]) for seed in range(8)
}
VAL = range(100, 130)


def network(model: str) -> TinyEmbedder:
    """Return a network whose labels tell that it was this one."""
    labels = [Label(f"{model}: apple", APPLE), Label(f"{model}: milk", MILK)]
    return TinyEmbedder(labels, ("category",), EMBEDDINGS[model], model)


def load(_shop: Shop, model: str | None) -> TinyEmbedder:
    """Load a network as `indexer.embedding.load_embedder` does."""
    assert model is not None
    return network(model)


def make_switching_shop(path: Path) -> Shop:
    """Make the shop, with two pairs; the blue one serves."""
    shop = make_shop(path, ITEMS)
    for seed in VAL:
        add_further(shop, f"item-{seed % 8}", seed, "val")
    for model in EMBEDDINGS:
        (shop.models / model).mkdir(parents=True)
        (shop.models / model / "model.json").write_text("{}")
        build(shop, embedder=network(model))
    return shop


def copied(shop: Path, path: Path) -> Path:
    """Copy a shop; its photos lie where they were."""
    return shutil.copytree(shop, path)


def switch(shop: Shop, *, by_build: bool) -> Current:
    """Let the other pair serve: its newest version again, or a new one."""
    other = RED if shop.current().model == BLUE else BLUE
    if by_build:
        built = build(shop, embedder=network(other))
        return Current(built.model, built.version)
    own = (one.manifest for one in versions(shop) if one.manifest)
    return rollback(shop, next(one.version for one in own if one.model_fingerprint == other))


@dataclass
class Seen:
    """What was answered: how many times by which pair, and what did not belong together."""

    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    mixed: list[str] = field(default_factory=list)

    def add(self, answer: Mapping[str, Any]) -> None:
        """Look at the answer to an item's own photo, as JSON."""
        model = answer["model"]
        self.pairs[model, answer["index"]] += 1
        labels = [one["name"] for one in answer["labels"]]
        if {label.partition(":")[0] for label in labels} != {model}:
            self.mixed.append(f"model {model} with labels {labels}")
        scores = [hit["score"] for hit in answer["hits"]]
        # The photo's own row is found: one of another network would be nearly orthogonal to it.
        if len(scores) != len(ITEMS) or abs(scores[0] - 1) > 1e-5:
            self.mixed.append(f"model {model} with scores {scores}")
        if answer["unknown"] is None:  # as it is with another model's judge
            self.mixed.append(f"version {answer['index']} does not judge for model {model}")
