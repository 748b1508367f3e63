"""Figures of yes and no against an independent recomputation: pairs, loops, fractions."""

import numpy as np
import pytest

from vsearch import metrics


@pytest.fixture(params=range(5))
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng(request.param)


def scored(rng: np.random.Generator, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return scores full of ties and which of them are positive, at least one of each kind."""
    positive = rng.random(n) < rng.uniform(0.1, 0.9)
    positive[:2] = [True, False]
    scores = np.asarray(rng.integers(0, 9, n) + 2 * positive, np.float32)
    return scores, positive


def average_precision(scores: list[float], positive: list[bool]) -> float:
    total, recalled = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        chosen = [p for s, p in zip(scores, positive, strict=True) if s >= threshold]
        recall = sum(chosen) / sum(positive)
        total += (recall - recalled) * sum(chosen) / len(chosen)
        recalled = recall
    return total


def f1(given: list[bool], right: list[bool]) -> float:
    hits = sum(g and r for g, r in zip(given, right, strict=True))
    if not hits:
        return 0.0
    precision, recall = hits / sum(given), hits / sum(right)
    return 2 * precision * recall / (precision + recall)


def test_average_precision(rng: np.random.Generator) -> None:
    scores, positive = scored(rng)
    expected = average_precision(scores.tolist(), positive.tolist())
    assert metrics.average_precision(scores, positive) == pytest.approx(expected)
    order = rng.permutation(len(scores))
    assert metrics.average_precision(scores[order], positive[order]) == pytest.approx(expected)


def test_average_precision_of_known_rankings() -> None:
    falling = np.array([4, 3, 2, 1], np.float32)
    for ranked, expected in (
        ([1, 1, 0, 0], 1.0),
        ([0, 0, 0, 1], 0.25),
        ([1, 0, 1, 0], (1 + 2 / 3) / 2),
    ):
        found = metrics.average_precision(falling, np.array(ranked, bool))
        assert found == pytest.approx(expected)
    # One who cannot tell them apart has the precision of choosing all.
    assert metrics.average_precision(np.zeros(4), np.array([1, 0, 0, 0], bool)) == 0.25


def test_labels_that_no_photo_has_do_not_count(rng: np.random.Generator) -> None:
    scores = rng.random((40, 5)).astype(np.float32)
    targets = rng.random((40, 5)) < 0.3
    targets[:, 2] = False
    targets[0, [0, 1, 3, 4]] = True
    given = scores > 0.6
    columns = [0, 1, 3, 4]
    precisions = [average_precision(scores[:, i].tolist(), targets[:, i].tolist()) for i in columns]
    assert metrics.mean_average_precision(scores, targets) == pytest.approx(np.mean(precisions))
    each = [f1(given[:, i].tolist(), targets[:, i].tolist()) for i in columns]
    assert metrics.macro_f1(given, targets) == pytest.approx(np.mean(each))


def test_micro_f1_counts_all_labels_at_once(rng: np.random.Generator) -> None:
    given, targets = rng.random((30, 4)) < 0.4, rng.random((30, 4)) < 0.3
    expected = f1(given.ravel().tolist(), targets.ravel().tolist())
    assert metrics.micro_f1(given, targets) == pytest.approx(expected)
    assert metrics.micro_f1(np.zeros((30, 4), bool), targets) == 0.0


def test_auroc_is_the_share_of_pairs_in_the_right_order(rng: np.random.Generator) -> None:
    scores, positive = scored(rng)
    pairs = [
        1.0 if high > low else 0.5 if high == low else 0.0
        for high in scores[positive].tolist()
        for low in scores[~positive].tolist()
    ]
    assert metrics.auroc(scores, positive) == pytest.approx(np.mean(pairs))
    assert metrics.auroc(-scores, positive) == pytest.approx(1 - np.mean(pairs))
    assert metrics.auroc(np.zeros(len(scores)), positive) == 0.5


@pytest.mark.parametrize("false_alarm", [0.0, 0.05, 0.1, 0.29, 0.5])
def test_reject_rate_is_the_best_of_all_thresholds(
    rng: np.random.Generator, false_alarm: float
) -> None:
    own = rng.integers(10, 40, 100).astype(np.float32)
    foreign = rng.integers(0, 30, 70).astype(np.float32)
    allowed = [
        threshold
        for threshold in range(-1, 42)
        if sum(s < threshold for s in own.tolist()) <= round(false_alarm * 100)
    ]
    expected = max(sum(s < threshold for s in foreign.tolist()) for threshold in allowed) / 70
    assert metrics.reject_rate(own, foreign, false_alarm) == pytest.approx(expected)


def test_no_floating_point_error_costs_a_photo() -> None:
    own, foreign = np.arange(100.0), np.full(3, 28.5)
    assert 0.29 * 100 < 29  # which int() would make 28
    assert metrics.reject_rate(own, foreign, 0.29) == 1.0
    assert metrics.reject_rate(own, foreign, 0.28) == 0.0


def test_cuts_count_ties_once() -> None:
    scores = np.array([0.5, 0.9, 0.5, 0.1], np.float32)
    values, hits, chosen = metrics.cuts(scores, np.array([True, False, True, True]))
    np.testing.assert_allclose(values, [0.9, 0.5, 0.1], rtol=1e-6)
    assert (hits.tolist(), chosen.tolist()) == ([0, 2, 3], [1, 3, 4])


def test_a_figure_of_nothing_is_an_error() -> None:
    yes, no = np.ones(3, bool), np.zeros(3, bool)
    scores, empty = np.arange(3.0), np.zeros(0)
    with pytest.raises(ValueError, match="no positive query"):
        metrics.average_precision(scores, no)
    with pytest.raises(ValueError, match="no positive query"):
        metrics.auroc(scores, no)
    with pytest.raises(ValueError, match="no negative query"):
        metrics.auroc(scores, yes)
    for figure in (metrics.micro_f1, metrics.macro_f1):
        with pytest.raises(ValueError, match="no labelled query"):
            figure(yes[:, None], no[:, None])
    with pytest.raises(ValueError, match="no labelled query"):
        metrics.mean_average_precision(scores[:, None], no[:, None])
    with pytest.raises(ValueError, match="no query"):
        metrics.auroc(empty, yes[:0])
    with pytest.raises(ValueError, match="no query"):
        metrics.reject_rate(scores, empty, 0.1)
    with pytest.raises(ValueError, match="3 queries but 2 answers"):
        metrics.average_precision(scores, yes[:2])
    with pytest.raises(ValueError, match=r"less than 1, not 1\.0"):
        metrics.reject_rate(scores, scores, 1.0)
