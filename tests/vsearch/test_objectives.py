"""What all kinds of classification keep to."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from vsearch import objectives
from vsearch.data import Label, LabelledPhoto, TrainingData
from vsearch.errors import DataError
from vsearch.models.classifier import abstract_top
from vsearch.models.initialise import initialise
from vsearch.objectives import OBJECTIVES, Objective, objective_named

NAMES = ("binary", "multi-label", "normalised-softmax", "one-class", "softmax")
LABELS = {"binary": 2, "one-class": 1}


@pytest.fixture(params=NAMES)
def objective(request: pytest.FixtureRequest) -> Objective:
    return objective_named(request.param)


def outputs_of(objective: Objective) -> tuple[int, int]:
    """Return how many labels and how many logits the objective is tested with."""
    labels = LABELS.get(objective.name, 4)
    return labels, 1 if objective.name in LABELS else labels


def val(objective: Objective, n: int = 60, spread: float = 2) -> tuple[np.ndarray, np.ndarray]:
    """Return logits and targets that go together."""
    labels, outputs = outputs_of(objective)
    rng = np.random.default_rng(0)
    logits = np.asarray(rng.normal(0, spread, (n, outputs)), np.float32)
    if not objective.exclusive:
        return logits, logits + rng.normal(0, spread, logits.shape) > 1
    best = (logits[:, 0] > 0).astype(int) if labels == 2 else logits.argmax(1)
    noisy = np.where(rng.random(n) < 0.2, rng.integers(labels, size=n), best)
    return logits, np.eye(labels, dtype=bool)[noisy]


def test_all_kinds_are_found_by_themselves() -> None:
    assert set(OBJECTIVES) == set(NAMES)
    assert objectives.DEFAULT in OBJECTIVES
    with pytest.raises(DataError, match=f"no objective “regression”; there are {NAMES[0]}, "):
        objective_named("regression")


def test_another_kind_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "focal.py").write_text(
        "from vsearch.objectives.softmax import Softmax\n"
        "class Focal(Softmax):\n"
        "    name = 'focal'\n"
        "OBJECTIVE = Focal()\n"
    )
    monkeypatch.setattr(objectives, "__path__", [*objectives.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "vsearch.objectives.focal", raising=False)
    found = objectives._found()
    monkeypatch.delattr(objectives, "focal")
    assert set(found) == {*NAMES, "focal"}
    assert found["focal"].probabilities(np.zeros((1, 2), np.float32), {"scale": 1.0}).sum() == 1


def test_a_head_can_be_filled_and_gives_as_many_logits_as_it_says(objective: Objective) -> None:
    labels, outputs = outputs_of(objective)
    top = abstract_top(12, 8, labels, objective)
    initialise(top, 0)
    embedding, logits = top(jnp.ones((3, 12), jnp.float16))
    assert (embedding.shape, logits.shape) == ((3, 8), (3, outputs))
    assert str(logits.dtype) == "float32"
    assert np.isfinite(np.asarray(logits)).all()


@pytest.mark.parametrize("n", [0, 1, 60])
@pytest.mark.parametrize("spread", [0.0, 2.0, 1e4])
def test_answers_keep_to_their_shape_and_range(objective: Objective, n: int, spread: float) -> None:
    labels, outputs = outputs_of(objective)
    chosen, targets = val(objective, n, spread)
    calibration = json.loads(json.dumps(dict(objective.calibrate(chosen, targets))))
    assert calibration == dict(objective.calibrate(chosen, targets))
    logits = np.asarray(np.random.default_rng(1).normal(0, spread, (50, outputs)), np.float32)
    probabilities = objective.probabilities(logits, calibration)
    assert probabilities.shape == (50, labels)
    assert str(probabilities.dtype) == "float32"
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    given = objective.assigned(probabilities, calibration)
    assert given.shape == (50, labels)
    assert str(given.dtype) == "bool"
    shares = objective.shares(logits, calibration, np.ones(labels, bool))
    if objective.exclusive and not objective.rejects:
        np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
        assert (given.sum(1) == 1).all()
    expected = given.sum(1) if objective.rejects else np.ones(50)
    np.testing.assert_allclose(shares.sum(1), expected, atol=1e-5)
    nowhere = objective.shares(logits, calibration, np.zeros(labels, bool))
    assert not nowhere.any()


def test_figures_are_fractions_whatever_val_holds(objective: Objective) -> None:
    logits, targets = val(objective)
    alone = targets.copy()
    alone[:] = np.arange(targets.shape[1]) == 0  # all photos have one label
    for wanted in (targets, alone):
        calibration = objective.calibrate(logits, wanted)
        figures = objective.metrics(
            objective.probabilities(logits, calibration), wanted, calibration
        )
        assert all(np.isfinite(value) and value >= 0 for value in figures.values())
        assert all(value <= 1 for name, value in figures.items() if name != "nll")


def test_right_logits_are_better_than_wrong_ones() -> None:
    for name in set(NAMES) - {"one-class"}:
        objective = objective_named(name)
        logits, _ = val(objective)
        targets = np.eye(2, dtype=bool)[(logits[:, 0] > 0).astype(int)]
        if name == "multi-label":
            targets = logits > 0
        elif name != "binary":
            targets = np.eye(4, dtype=bool)[logits.argmax(1)]
        good, bad = (objective.quality(sign * logits, targets) for sign in (1, -1))
        assert good > bad
        assert good > objective.quality(
            np.float32(0.1) * logits, targets
        )  # as right, but less sure


def test_val_without_any_label_is_no_reason_to_fail() -> None:
    objective = objective_named("multi-label")
    logits, targets = val(objective)
    none = np.zeros_like(targets)
    assert objective.quality(logits, none)[0] == 0.0
    calibration = objective.calibrate(logits, none)
    figures = objective.metrics(objective.probabilities(logits, calibration), none, calibration)
    assert set(figures) == {"nll"}


def photo(name: str, *labels: int) -> LabelledPhoto:
    return LabelledPhoto(Path(name), name, labels, catalogue=True)


def data(labels: int, *several: int) -> TrainingData:
    photos = tuple(photo(f"{label}.jpg", label) for label in range(labels))
    more = (photo("more.jpg", *several),) if several else ()
    kept = tuple(Label(f"L{label}", (f"L{label}",)) for label in range(labels))
    return TrainingData(kept, ("category", "colour"), (*photos, *more))


@pytest.mark.parametrize(
    ("name", "labels", "wanted"),
    [
        ("softmax", 1, "2 or more labels"),
        ("normalised-softmax", 1, "2 or more labels"),
        ("multi-label", 1, "2 or more labels"),
        ("binary", 3, "2 labels"),
        ("binary", 1, "2 labels"),
        ("one-class", 2, "1 label"),
    ],
)
def test_another_number_of_labels_is_refused(name: str, labels: int, wanted: str) -> None:
    expected = f"{name} needs {wanted}, the column “category, colour” has {labels}: choose another"
    with pytest.raises(DataError, match=expected):
        objective_named(name).check(data(labels))


def test_data_of_its_own_kind_is_accepted(objective: Objective) -> None:
    labels, _ = outputs_of(objective)
    objective.check(data(labels))
    if objective.exclusive:
        if labels > 1:
            with pytest.raises(DataError, match=r"one label, more\.jpg has 2: use the objective m"):
                objective.check(data(labels, 0, 1))
        without = replace(data(labels), val=(photo("bare.jpg"),))
        with pytest.raises(DataError, match=r"one label, bare\.jpg has 0"):
            objective.check(without)
    else:
        objective.check(data(labels, 0, 1))
