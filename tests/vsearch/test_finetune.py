"""Training a head further: what it starts from, what it is taught, and what comes of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.indexer.tiny_network import offer_tiny
from tests.vsearch.test_extend import LABELS, NAVY, bundle_of, units
from vsearch.bundle import HEAD_LEAVES, Bundle
from vsearch.data import LabelledPhoto, TrainingData
from vsearch.errors import DataError
from vsearch.extend import NewLabel, relabelled, with_labels
from vsearch.finetune import TAUGHT, _Before, finetune
from vsearch.fit_head import HeadConfig, head_logits
from vsearch.objectives import DEFAULT

FEATURES = 32


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    offer_tiny(monkeypatch)


def features_of(bundle: Bundle, photos: int = 6) -> np.ndarray:
    count = len(bundle.weights["top.projection.feature_mean"])
    return np.random.default_rng(5).normal(size=(photos, count)).astype(np.float16)


def data_of(labels: tuple[int, ...] = (1, 3, 0)) -> TrainingData:
    names = (*LABELS, NAVY)
    photos = tuple(
        LabelledPhoto(Path(f"{label}.jpg"), f"{label}", (place,), catalogue=True)
        for place, label in enumerate(labels)
    )
    return TrainingData(tuple(names[label] for label in labels), ("colour",), photos)


@pytest.mark.parametrize("kind", [DEFAULT, "softmax", "multi-label"])
def test_training_goes_on_from_the_class_vectors_in_the_order_of_the_data(kind: str) -> None:
    bundle = with_labels(bundle_of(kind), [NewLabel(NAVY, units(2))])
    before = _Before(bundle, data_of(), taught=TAUGHT)
    leaf, axis = ("class_weights", 1) if kind == "softmax" else ("class_vectors", 0)
    rows = np.moveaxis(bundle.weights[HEAD_LEAVES + leaf], axis, 0)
    expected = np.stack([rows[1], rows[3:5].mean(axis=0), rows[0]])
    start = before.start()
    np.testing.assert_allclose(np.moveaxis(start[f"head.{leaf}"], axis, 0), expected, rtol=1e-6)
    np.testing.assert_array_equal(
        start["projection.project.kernel"], bundle.weights["top.projection.project.kernel"]
    )
    assert not any("arrivals" in name for name in start)


def test_the_old_head_has_its_say_about_photos_that_it_was_trained_on() -> None:
    bundle = bundle_of()
    later = with_labels(bundle, [NewLabel(NAVY, units(1))])
    arrived = later.weights | {HEAD_LEAVES + "arrivals.arrived": np.array([0, 0, 0, 1], np.float32)}
    spread = replace(relabelled_twice(later), weights=arrived | blank_arrivals(later))
    before = _Before(spread, data_of(), taught=0.25)
    features, targets = features_of(bundle, 3), np.eye(3, dtype=np.float32)
    found = before.soften(features, targets)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(found[1], targets[1])  # of the label that came later
    said = np.exp(10 * np.asarray(head_logits(before.top, features))[0, [1, 0]])
    expected = 0.75 * np.array([1, 0]) + 0.25 * said / said.sum()
    np.testing.assert_allclose(found[0, [0, 2]], expected, atol=1e-4)
    assert found[0, 1] == 0  # it knows less of that


def relabelled_twice(bundle: Bundle) -> Bundle:
    """Return the bundle with all that a head with late classes has."""
    return replace(bundle, vectors=(1,) * len(bundle.labels))


def blank_arrivals(bundle: Bundle) -> dict[str, np.ndarray]:
    rows = len(bundle.labels)
    return {
        HEAD_LEAVES + "arrivals.weights": np.zeros((rows, 8), np.float32),
        HEAD_LEAVES + "arrivals.biases": np.zeros(rows, np.float32),
        HEAD_LEAVES + "arrivals.arrived": np.array([0, 0, 0, 1], np.float32),
        HEAD_LEAVES + "arrivals.scale": np.ones(1, np.float32),
    }


def test_what_cannot_be_trained_further_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be fine-tuned: it does not know “navy”"):
        finetune(bundle_of(), data_of(), cache=tmp_path)
    one = relabelled(bundle_of("one-class", LABELS[:1]), {"red": NAVY})
    with pytest.raises(DataError, match="it has no class vectors"):
        finetune(one, data_of((3,)), cache=tmp_path, head=HeadConfig(steps=1))
