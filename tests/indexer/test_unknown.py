"""The judge of what is unknown against its definition, in plain Python."""

import json
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.unknown import (
    LEAST_VAL,
    UNKNOWN_FROM,
    VIEWS,
    WEIGHTS,
    Evidence,
    UnknownJudge,
    confidence_of,
)
from tests.indexer.tiny_shop import TinyPredictions

KINDS = ("confidence", "nearness", "usualness", "typicality")


def drawn(photos: int, seed: int = 0, *, away: float = 0.0, kinds: int = 4) -> Evidence:
    """Return evidence of photos that are `away` deviations less at home, each kind on a scale."""
    rows = np.random.default_rng(seed).normal(-away, 1, (4, photos))
    scaled = rows * np.array([[2], [0.1], [5], [1]]) + np.array([[4], [0.7], [1], [-3]])
    told = [column.astype(np.float32) for column in scaled]
    return Evidence(told[0], told[1], *(told[i] if i < kinds else None for i in (2, 3)))


def fitted(evidence: Evidence, false_rejects: float = 0.05) -> UnknownJudge:
    judge = UnknownJudge.fitted(evidence, "m" * 16, false_rejects)
    assert judge is not None
    return judge


def unknown(judge: UnknownJudge, evidence: Evidence) -> NDArray[np.bool_]:
    return np.asarray(judge.scores(evidence) >= UNKNOWN_FROM)


def test_the_score_joins_tail_probabilities_as_fisher_does() -> None:
    val, asked = drawn(60), drawn(30, seed=1, away=1)
    judge = fitted(val, 0.1)

    def sums(evidence: Evidence) -> list[float]:
        total = [0.0] * len(evidence.confidence)
        for name in KINDS:
            known = np.asarray(getattr(val, name), np.float64)
            normal = NormalDist(float(known.mean()), float(known.std()))
            for i, value in enumerate(np.asarray(getattr(evidence, name)).tolist()):
                total[i] -= WEIGHTS[name] * float(np.log(normal.cdf(value)))
        return total

    threshold = sorted(sums(val))[54]  # 61 × .9 = 54.9: the 55th of 60
    expected = [1 / (1 + np.exp(threshold - total)) for total in sums(asked)]
    np.testing.assert_allclose(judge.scores(asked), expected, rtol=1e-4)
    assert judge.scores(asked).dtype == np.float32
    assert 0 < unknown(judge, asked).mean() < 1


@pytest.mark.parametrize(
    ("photos", "false_rejects", "over"),
    [
        (20, 0.05, 0),  # the 20th of 20: 21 × .95 = 19.95
        (39, 0.05, 1),  # 40 × .95 = 38
        (60, 0.05, 2),
        (99, 0.01, 0),
        (99, 0.05, 4),
        (99, 0.44, 43),  # in floating point 100 × (1 - .44) is a little more than 56
        (199, 0.25, 49),
        (50, 0.5, 24),
    ],
)
def test_just_the_share_of_val_that_may_is_called_unknown(
    photos: int, false_rejects: float, over: int
) -> None:
    for seed in range(5):
        val = drawn(photos, seed)
        judge = fitted(val, false_rejects)
        assert (judge.val_photos, judge.false_rejects) == (photos, false_rejects)
        assert unknown(judge, val).sum() == over


def test_new_photos_of_our_own_are_called_unknown_as_seldom_as_was_asked() -> None:
    shares = [
        unknown(fitted(drawn(100, seed), 0.1), drawn(200, seed=1000 + seed)).mean()
        for seed in range(50)
    ]
    assert np.mean(shares) == pytest.approx(0.1, abs=0.015)  # measured: 0.104


def test_photos_that_tie_with_the_threshold_are_our_own() -> None:
    val = drawn(40)
    alike = [np.repeat(column[:20], 2) for column in val.columns().values()]
    twins = Evidence(*(column.astype(np.float32) for column in alike))
    # The 39th of 40 stands on the threshold, and so does its twin, the 40th.
    assert unknown(fitted(twins), twins).sum() == 0
    same = Evidence(*(np.full(40, 3, np.float32) for _ in KINDS))
    judge = fitted(same)
    assert not unknown(judge, same).any()
    worse = Evidence(*(np.full(1, 2.99, np.float32) for _ in KINDS))
    assert unknown(judge, worse).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(20, 80), st.integers(0, 2**31), st.sampled_from([0.05, 0.1, 0.3]))
def test_scores_are_on_the_right_side_of_the_threshold_however_they_are_rounded(
    photos: int, seed: int, false_rejects: float
) -> None:
    rng = np.random.default_rng(seed)
    val = Evidence(*(rng.integers(0, 4, photos).astype(np.float32) for _ in KINDS))  # full of ties
    judge = fitted(val, false_rejects)
    scores = judge.scores(val)
    assert unknown(judge, val).sum() <= false_rejects * (photos + 1)
    assert ((scores >= 0) & (scores <= 1)).all()


def test_too_few_val_photos_make_no_judge() -> None:
    assert UnknownJudge.fitted(drawn(LEAST_VAL - 1), "m", 0.5) is None
    assert UnknownJudge.fitted(drawn(LEAST_VAL), "m", 0.05) is not None
    # 98 photos have no quantile of 99 %; 99 have: the worst of them.
    assert UnknownJudge.fitted(drawn(98), "m", 0.01) is None
    assert fitted(drawn(99), 0.01).val_photos == 99


@pytest.mark.parametrize("kind", KINDS)
def test_less_of_any_evidence_never_looks_less_foreign(kind: str) -> None:
    val = drawn(60)
    judge = fitted(val)
    falling = np.linspace(12, -400, 200, dtype=np.float32)  # in deviations
    middle = {name: float(column.mean()) for name, column in val.columns().items()}
    spread = float(val.columns()[kind].std())
    columns = {name: np.full(200, value, np.float32) for name, value in middle.items()}
    columns[kind] = (middle[kind] + falling * spread).astype(np.float32)
    scores = judge.scores(Evidence(**columns))
    assert (np.diff(scores) >= 0).all()
    assert scores[0] < UNKNOWN_FROM < scores[-1]
    assert np.isfinite(scores).all()
    assert scores[-1] == pytest.approx(1)  # one strong reason is enough


def test_what_is_not_told_of_a_photo_counts_as_that_of_a_middle_photo() -> None:
    val, asked = drawn(60), drawn(20, seed=1)
    some = np.arange(60) % 3 == 0
    told = np.asarray(val.typicality)
    blind = replace(val, typicality=np.where(some, np.nan, told).astype(np.float32))
    judge = fitted(blind)
    assert judge.means["typicality"] == pytest.approx(told[~some].mean())
    middle = np.full(20, judge.means["typicality"], np.float32)
    untold = replace(asked, typicality=np.full(20, np.nan, np.float32))
    np.testing.assert_allclose(
        judge.scores(untold), judge.scores(replace(asked, typicality=middle)), rtol=1e-5
    )
    never = fitted(replace(val, typicality=np.full(60, np.nan, np.float32)))
    assert np.isfinite(never.scores(untold)).all()


def test_evidence_of_other_kinds_is_refused() -> None:
    judge = fitted(drawn(30, kinds=3))
    assert judge.scores(drawn(3, kinds=3)).shape == (3,)
    for other in (drawn(3), drawn(3, kinds=2)):
        with pytest.raises(ValueError, match=r"judged by \['confidence', 'nearness', 'usualness'"):
            judge.scores(other)


@pytest.mark.parametrize("kinds", [2, 3, 4])
def test_a_judge_comes_back_from_json_as_it_was(kinds: int) -> None:
    val = drawn(37, kinds=kinds)
    judge = fitted(val, 0.07)
    again = UnknownJudge.from_json(json.loads(json.dumps(judge.to_json())))
    assert again == judge
    np.testing.assert_array_equal(again.scores(val), judge.scores(val))


def test_a_judge_goes_by_the_weights_that_it_was_made_with() -> None:
    val = drawn(37)
    document = fitted(val).to_json()
    heavier = {name: 3 * weight for name, weight in document["weights"].items()}
    again = UnknownJudge.from_json(document | {"weights": heavier})
    assert (again.scores(val) > fitted(val).scores(val)).all()


@pytest.mark.parametrize(
    "change",
    [
        {"means": []},
        {"means": {"confidence": 1.0, "nearness": "near", "usualness": 0.0, "typicality": 0.0}},
        {"means": {"confidence": 1.0, "nearness": 0.5, "usualness": 0.0}},
        {"means": {"sureness": 1.0}, "spreads": {"sureness": 1.0}},
        {"means": {}, "spreads": {}},
        {"threshold": float("nan")},
        {"threshold": None},
        {"weights": {}},
        {"weights": {"confidence": 1.0, "nearness": float("inf")}},
        {"val_photos": "many"},
        {"spreads": {"confidence": 1.0, "nearness": 0.0, "usualness": 1.0, "typicality": 1.0}},
        {"spreads": {"confidence": 1.0, "nearness": 1e999, "usualness": 1.0, "typicality": 1.0}},
    ],
)
def test_what_cannot_judge_is_no_judge(change: dict[str, object]) -> None:
    document = fitted(drawn(30)).to_json() | change
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        UnknownJudge.from_json(document)


def test_what_is_missing_of_a_judge_is_told() -> None:
    for name in fitted(drawn(30)).to_json():
        document = fitted(drawn(30)).to_json()
        del document[name]
        with pytest.raises(KeyError, match=name):
            UnknownJudge.from_json(document)


def predictions_of(
    probabilities: NDArray[np.float32], shares: NDArray[np.float32]
) -> TinyPredictions:
    nothing = np.zeros((len(shares), 0), np.float32)
    return TinyPredictions(
        nothing, nothing, probabilities, probabilities > 0, shares, nothing, None
    )


def test_confidence_is_how_much_more_probable_the_best_is_than_the_second() -> None:
    probabilities = np.array([[0.1, 0.7, 0.2], [0.4, 0.2, 0.4], [1, 0, 0]], np.float32)
    shares = probabilities[:, ::-1] * np.float32(0.5)
    shares[2] = 0
    told = predictions_of(probabilities, shares)
    np.testing.assert_allclose(
        confidence_of(told, exclusive=True), np.log([0.7 / 0.2, 1, 1e6]), rtol=1e-5, atol=1e-6
    )
    # Where labels do not exclude, those of the category tree are compared; one photo has none.
    np.testing.assert_allclose(
        confidence_of(told, exclusive=False), np.log([0.7 / 0.2, 1, 1]), rtol=1e-5, atol=1e-6
    )
    alone = predictions_of(np.ones((2, 1), np.float32), np.ones((2, 1), np.float32))
    np.testing.assert_allclose(confidence_of(alone, exclusive=True), np.log(1e6), rtol=1e-5)


def test_nearness_is_the_mean_of_the_views_that_there_are() -> None:
    nearest = np.full((3, VIEWS), -np.inf, np.float32)
    nearest[0] = [0.9, 0.8, 0.7, 0.6, 0.5]
    nearest[1, :2] = [0.4, 0.2]
    sure = np.arange(3, dtype=np.float32)
    usual = np.arange(6, dtype=np.float32).reshape(3, 2)
    evidence = Evidence.of(sure, usual, nearest)
    np.testing.assert_allclose(evidence.nearness, [0.7, 0.3, -1], rtol=1e-6)
    np.testing.assert_array_equal(evidence.usualness, usual[:, 0])
    np.testing.assert_array_equal(evidence.typicality, usual[:, 1])
    assert list(evidence.columns()) == list(KINDS)
    assert list(Evidence.of(sure, usual[:, :1], nearest).columns()) == list(KINDS[:3])
    assert list(Evidence.of(sure, usual[:, :0], nearest).columns()) == list(KINDS[:2])


def test_a_judge_of_other_photos_is_another_judge() -> None:
    judge = fitted(drawn(30))
    assert fitted(drawn(30)) == judge
    assert fitted(drawn(30, seed=1)) != judge
    assert replace(judge, model_fingerprint="other") != judge
