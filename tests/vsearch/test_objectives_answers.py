"""Probabilities, thresholds and figures of every kind, against a recomputation by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from vsearch.calibration import fit_bias, fit_platt, sigmoid
from vsearch.models.classifier import abstract_top
from vsearch.models.initialise import initialise
from vsearch.objectives import Objective, objective_named
from vsearch.objectives.softmax import LinearHead

BINARY, MULTI = objective_named("binary"), objective_named("multi-label")


def binary_val(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    logits = np.asarray(rng.normal(-2, 3, (n, 1)), np.float32)
    yes = rng.random(n) < sigmoid(logits[:, 0] * 0.5 - 0.5)
    return logits, np.stack([~yes, yes], axis=1)


def multi_val(n: int = 300, labels: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Return logits whose labels are much rarer than they say, each in its own measure."""
    rng = np.random.default_rng(1)
    logits = np.asarray(rng.normal(0, 2, (n, labels)), np.float32)
    odds = logits - np.array([0.0, 1.0, 2.0, 3.0])[None, :labels]
    return logits, rng.random((n, labels)) < sigmoid(odds)


@pytest.mark.parametrize("name", ["softmax", "normalised-softmax"])
def test_softmax_is_scaled_by_what_val_says(name: str) -> None:
    objective = objective_named(name)
    rng = np.random.default_rng(0)
    logits = np.asarray(rng.normal(0, 1, (4000, 3)), np.float32)
    cumulative = np.exp(2 * logits.astype(np.float64)).cumsum(1)
    own = (rng.random((4000, 1)) * cumulative[:, -1:] > cumulative).sum(1)
    calibration = objective.calibrate(logits, np.eye(3, dtype=bool)[own])
    assert calibration["scale"] == pytest.approx(2.0, rel=0.1)
    probabilities = objective.probabilities(logits, {"scale": 2.0})
    powers = np.exp(2 * logits.astype(np.float64))
    np.testing.assert_allclose(probabilities, powers / powers.sum(1, keepdims=True), rtol=1e-5)
    figures = objective.metrics(probabilities, np.eye(3, dtype=bool)[own], calibration)
    assert figures["top1"] == pytest.approx((logits.argmax(1) == own).mean())
    expected = -np.log(probabilities[np.arange(4000), own]).mean()
    assert figures["nll"] == pytest.approx(expected, rel=1e-5)


def test_without_val_softmax_says_what_training_did() -> None:
    empty, none = np.zeros((0, 3), np.float32), np.zeros((0, 3), bool)
    assert objective_named("softmax").calibrate(empty, none) == {"scale": 1.0}
    assert objective_named("normalised-softmax").calibrate(empty, none) == {"scale": 10.0}


def test_a_linear_head_is_linear() -> None:
    head = LinearHead(4, 3)
    weights = np.arange(12, dtype=np.float32).reshape(4, 3)
    head.class_weights[...] = jnp.asarray(weights)
    head.bias[...] = jnp.asarray([1.0, 2.0, 3.0])
    embedding = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    found = head(jnp.asarray(embedding), jnp.zeros((5, 6)))
    np.testing.assert_allclose(found, embedding @ weights + [1, 2, 3], rtol=1e-5)


def test_binary_probabilities_are_platts() -> None:
    logits, targets = binary_val()
    calibration = BINARY.calibrate(logits, targets)
    scale, bias = fit_platt(logits[:, 0], targets[:, 1])
    assert (calibration["scale"], calibration["bias"]) == (scale, bias)
    probabilities = BINARY.probabilities(logits, calibration)
    expected = sigmoid(logits[:, 0].astype(np.float64) * scale + bias)
    np.testing.assert_allclose(probabilities, np.stack([1 - expected, expected], 1), atol=1e-6)


def test_the_binary_threshold_is_the_best_and_decides() -> None:
    logits, targets = binary_val()
    calibration = BINARY.calibrate(logits, targets)
    probabilities = BINARY.probabilities(logits, calibration)
    yes = targets[:, 1]
    figures = BINARY.metrics(probabilities, targets, calibration)

    def f1(threshold: float) -> float:
        given = probabilities[:, 1].astype(np.float64) >= threshold
        return float(2 * (given & yes).sum() / (given.sum() + yes.sum()))

    assert figures["f1"] == pytest.approx(max(f1(t) for t in np.linspace(0, 1, 2000)), abs=1e-3)
    assert figures["f1"] > f1(0.5)
    given = BINARY.assigned(probabilities, calibration)
    assert (given[:, 1] == (probabilities[:, 1] >= calibration["threshold"])).all()
    assert (given.sum(1) == 1).all()
    assert figures["top1"] == pytest.approx(((probabilities[:, 1] > 0.5) == yes).mean())
    assert set(figures) == {"top1", "nll", "auroc", "average_precision", "f1"}


@pytest.mark.parametrize("yes", [0, 2, 48, 50])
def test_too_few_of_a_kind_choose_no_threshold(yes: int) -> None:
    logits, _ = binary_val(50)
    positive = np.arange(50) < yes
    targets = np.stack([~positive, positive], axis=1)
    calibration = BINARY.calibrate(logits, targets)
    assert calibration["threshold"] == 0.5
    figures = BINARY.metrics(BINARY.probabilities(logits, calibration), targets, calibration)
    assert ("auroc" in figures) == (0 < yes < 50)


def test_every_label_has_the_bias_that_val_tells() -> None:
    logits, targets = multi_val()
    calibration = MULTI.calibrate(logits, targets)
    scale, _ = fit_platt(logits.ravel(), targets.ravel())
    assert calibration["scale"] == pytest.approx(scale)
    biases = [fit_bias(logits[:, i] * scale, targets[:, i]) for i in range(4)]
    np.testing.assert_allclose(calibration["biases"], biases, rtol=1e-5)
    # Labels were made with biases of 0, -1, -2 and -3: probabilities follow each label's own.
    probabilities = MULTI.probabilities(logits, calibration)
    np.testing.assert_allclose(probabilities.mean(0), targets.mean(0), atol=0.02)
    assert (np.diff(calibration["biases"]) < -0.3).all()


def test_a_label_with_few_val_photos_shares_bias_and_threshold() -> None:
    logits, targets = multi_val()
    targets[:, 2:] = False
    targets[:2, 2] = True
    calibration = MULTI.calibrate(logits, targets)
    _, shared = fit_platt(logits.ravel(), targets.ravel())
    biases, thresholds = np.array(calibration["biases"]), np.array(calibration["thresholds"])
    np.testing.assert_allclose(biases[2:], shared)
    assert thresholds[2] == thresholds[3]
    assert len(set(thresholds[:3].tolist())) == 3
    empty = MULTI.calibrate(np.zeros((0, 1), np.float32), np.zeros((0, 4), bool))
    assert empty == {"scale": 1.0, "biases": [0.0] * 4, "thresholds": [0.5] * 4}


def test_each_labels_threshold_is_the_best_for_it() -> None:
    logits, targets = multi_val()
    calibration = MULTI.calibrate(logits, targets)
    probabilities = MULTI.probabilities(logits, calibration)
    given = MULTI.assigned(probabilities, calibration)
    for label in range(4):
        own, column = targets[:, label], probabilities[:, label].astype(np.float64)
        best = max(
            2 * (own & (column >= t)).sum() / (own.sum() + (column >= t).sum())
            for t in np.unique(column)
        )
        found = 2 * (own & given[:, label]).sum() / (own.sum() + given[:, label].sum())
        assert found == pytest.approx(best)
    assert (given.sum(1) == 0).any()  # a photo may have no label
    assert (given.sum(1) > 1).any()


def test_multi_label_figures_are_those_of_loops() -> None:
    logits, targets = multi_val(40)
    calibration = MULTI.calibrate(logits, targets)
    probabilities = MULTI.probabilities(logits, calibration)
    figures = MULTI.metrics(probabilities, targets, calibration)
    top1 = [own[row.argmax()] for row, own in zip(probabilities, targets, strict=True)]
    assert figures["top1"] == pytest.approx(np.mean(top1))
    losses = [
        -np.log(p if own else 1 - p)
        for p, own in zip(probabilities.ravel().tolist(), targets.ravel().tolist(), strict=True)
    ]
    assert figures["nll"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert set(figures) == {"nll", "top1", "map", "micro_f1", "macro_f1"}


def test_shares_are_the_odds_of_the_trees_labels_alone() -> None:
    logits, targets = multi_val()
    calibration = MULTI.calibrate(logits, targets)
    tree = np.array([True, False, True, True])
    shares = MULTI.shares(logits, calibration, tree)
    yes = MULTI.probabilities(logits, calibration).astype(np.float64)
    # By hand: the probability that exactly this one of the three holds.
    alone = np.stack(
        [
            yes[:, i] * np.prod([1 - yes[:, k] for k in (0, 2, 3) if k != i], axis=0)
            for i in (0, 2, 3)
        ],
        axis=1,
    )
    np.testing.assert_allclose(
        shares[:, tree], alone / alone.sum(1, keepdims=True), rtol=1e-3, atol=1e-6
    )
    assert not shares[:, 1].any()


def head_logits(objective: Objective, dim: int) -> np.ndarray:
    top = abstract_top(6, dim, 3, objective)
    initialise(top, 0)
    return np.asarray(top(jnp.asarray(np.random.default_rng(0).normal(size=(9, 6))))[1])


def test_labels_begin_rare() -> None:
    begun = sigmoid(head_logits(MULTI, 256))
    assert 0.001 < np.median(begun) < 0.1
