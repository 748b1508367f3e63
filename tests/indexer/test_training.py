"""Training of a shop's model, and when it serves."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from indexer.build import build
from indexer.shop import Current, Shop
from indexer.training import train_shop
from tests.indexer.colour_shop import make_colour_shop
from tests.indexer.tiny_network import TINY, offer_tiny
from vsearch.bundle import Bundle
from vsearch.errors import DataError
from vsearch.fit_network import NetworkConfig
from vsearch.train import TrainConfig, TrainResult, train

NETWORK = NetworkConfig(epochs=2, batch=12, learning_rate=1e-2)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    offer_tiny(monkeypatch)
    with make_colour_shop(tmp_path) as made:
        yield made


def brief(objective: str | None = None) -> TrainConfig:
    return TrainConfig(backbone=TINY, objective=objective, dim=16, network=NETWORK)


def test_a_trained_model_serves_from_the_next_build_on(shop: Shop) -> None:
    report = train_shop(shop, brief(), labels=["colour"])
    assert (report.labels, report.objective) == (3, "normalised-softmax")
    assert not report.serving
    assert shop.trained_model() == report.model
    assert shop.current().model is None
    document = json.loads(json.dumps(report.to_json()))
    assert document["photos"] == {"train": 30, "val": 24}
    assert (document["label"], document["objective"]) == ("colour", "normalised-softmax")
    bundle = Bundle.load(shop.models / report.model)
    assert bundle.label_columns == ("colour",)
    assert [check["step"] for check in bundle.training["history"]["network"]]
    build(shop)
    assert shop.current().model == report.model
    # The same training again gives the same embedding, so it serves at once.
    assert train_shop(shop, brief(), labels=["colour"]).serving


def test_a_model_that_would_serve_at_once_passes_the_gate_first(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = train_shop(shop, brief(), labels=["colour"])
    before = build(shop)

    def shuffled(*arguments: Any, **options: Any) -> TrainResult:
        result = train(*arguments, **options)
        labels = (*result.bundle.labels[1:], result.bundle.labels[0])
        return replace(result, bundle=replace(result.bundle, labels=labels))

    monkeypatch.setattr("indexer.training.train", shuffled)
    poor = train_shop(shop, brief(), labels=["colour"])
    assert poor.embedding_fingerprint == good.embedding_fingerprint
    assert poor.gate is not None
    assert (poor.serving, poor.gate.passed, poor.gate.standing) == (False, False, good.model)
    assert poor.to_json()["gate"]["candidate"] == poor.model
    assert shop.trained_model() == poor.model
    assert shop.current() == Current(good.model, before.version)


def test_layers_learn_several_labels_at_once(shop: Shop) -> None:
    report = train_shop(shop, brief(), labels=["category", "tones"])
    assert (report.objective, report.labels) == ("multi-label", 6)
    assert report.to_json()["label"] == "category, tones"
    bundle = Bundle.load(shop.models / report.model)
    assert {label.column for label in bundle.labels} == {"category", "tones"}
    assert bundle.training["config"]["objective"] == "multi-label"


def test_several_labels_on_a_photo_are_refused_where_one_is_expected(shop: Shop) -> None:
    with pytest.raises(DataError, match="use the objective multi-label"):
        train_shop(shop, brief("softmax"), labels=["tones"])
    with pytest.raises(DataError, match="binary needs 2 labels, the column “colour” has 3"):
        train_shop(shop, brief("binary"), labels=["colour"])
