"""Doubts against a recomputation in plain Python, and what they are for: swapped labels."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vsearch import confident_learning
from vsearch.confident_learning import Candidates, Doubts, doubts_of


def predicted(rng: np.random.Generator, photos: int, labels: int) -> NDArray[np.float32]:
    logits = rng.normal(0, 2, (photos, labels))
    powers = np.exp(logits)
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)


def judged(
    probabilities: NDArray[np.float32],
    given: NDArray[np.int64],
    usual: NDArray[np.bool_] | None = None,
) -> Doubts:
    return doubts_of(Candidates.of(probabilities, given), given, probabilities.shape[1], usual)


def by_hand(
    rows: list[list[float]], given: list[int], usual: list[bool]
) -> list[tuple[int, float, bool]]:
    """Confident learning as its paper tells it, one photo after the other."""
    labels = range(len(rows[0]))
    least = {}
    for label in labels:
        sure = [r[g] for r, g, u in zip(rows, given, usual, strict=True) if g == label and u]
        least[label] = sum(sure) / len(sure) if sure else float("inf")
    found = []
    for row, own, counted in zip(rows, given, usual, strict=True):
        order = sorted(labels, key=lambda label, row=row: (-row[label], label))  # type: ignore[misc]
        other = next(label for label in order if label != own)
        confident = next((label for label in order if row[label] >= least[label]), own)
        doubt = row[other] / (row[other] + row[own])
        found.append((other, doubt, counted and confident != own))
    return found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("labels", [2, 3, 12])
def test_doubts_are_those_of_the_paper(seed: int, labels: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities, given = predicted(rng, 60, labels), rng.integers(0, labels, 60)
    usual = rng.random(60) < 0.8
    found = judged(probabilities, given, usual)
    wide = probabilities.astype(np.float64).tolist()
    hand = by_hand(wide, given.tolist(), usual.tolist())
    assert found.suggested.tolist() == [other for other, _, _ in hand]
    np.testing.assert_allclose(found.values, [doubt for _, doubt, _ in hand], rtol=1e-12)
    assert found.flagged.tolist() == [flagged for _, _, flagged in hand]
    assert found.flagged.any()


def test_few_candidates_decide_as_all_labels_do(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    probabilities, given = predicted(rng, 200, 60), rng.integers(0, 60, 200)
    few = judged(probabilities, given)
    monkeypatch.setattr(confident_learning, "CANDIDATES", 60)
    every = judged(probabilities, given)
    np.testing.assert_array_equal(few.suggested, every.suggested)
    np.testing.assert_array_equal(few.values, every.values)
    # Of so many labels the least probable ones reach their thresholds, too: not all are kept.
    assert (few.flagged == every.flagged).mean() >= 0.95


def test_swapped_labels_come_first() -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 5, 400)
    logits = rng.normal(0, 1, (400, 5))
    logits[np.arange(400), truth] += 4
    powers = np.exp(logits)
    given = truth.copy()
    swapped = rng.choice(400, 20, replace=False)
    given[swapped] = (given[swapped] + rng.integers(1, 5, 20)) % 5
    found = judged((powers / powers.sum(1, keepdims=True)).astype(np.float32), given)
    worst = np.argsort(-found.values)[:40]
    assert np.isin(swapped, worst).mean() >= 0.9
    # Should be .55 of the swapped ones: the flag is careful, the order is what finds them.
    assert found.flagged[swapped].mean() >= 0.5
    assert found.flagged.mean() <= 0.06
    right = found.suggested[swapped] == truth[swapped]
    assert right.mean() >= 0.9


def test_the_temperature_changes_no_order() -> None:
    rng = np.random.default_rng(3)
    logits, given = rng.normal(0, 1, (100, 6)), rng.integers(0, 6, 100)
    orders = []
    for scale in (0.5, 1.0, 3.0):
        powers = np.exp(scale * logits)
        found = judged((powers / powers.sum(1, keepdims=True)).astype(np.float64), given)
        orders.append(np.argsort(-found.values, kind="stable").tolist())
    assert orders[0] == orders[1] == orders[2]


def test_equal_probabilities_go_to_the_first_label_and_nothing_is_divided_by_nothing() -> None:
    probabilities = np.array([[0.25, 0.25, 0.25, 0.25], [1.0, 0.0, 0.0, 0.0]], np.float32)
    found = judged(probabilities, np.array([0, 2]))
    assert found.suggested.tolist() == [1, 0]
    assert found.values.tolist() == [0.5, 1.0]
    nothing = judged(np.zeros((1, 3), np.float32), np.array([1]))
    assert nothing.values.tolist() == [0.5]


def test_parts_are_joined_in_their_order() -> None:
    rng = np.random.default_rng(4)
    probabilities, given = predicted(rng, 30, 4), rng.integers(0, 4, 30)
    parts = [Candidates.of(probabilities[a:b], given[a:b]) for a, b in ((0, 7), (7, 30))]
    joined, whole = Candidates.joined(parts), Candidates.of(probabilities, given)
    for name in ("own", "labels", "probabilities"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))
