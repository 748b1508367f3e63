"""One-class: what it is fitted to, what it rejects, and how often it is wrong about our own."""

import jax.numpy as jnp
import numpy as np
import pytest

from vsearch.calibration import sigmoid
from vsearch.errors import DataError
from vsearch.gaussian import MOST_ROWS
from vsearch.metrics import auroc
from vsearch.models.classifier import TopLayers, abstract_top
from vsearch.objectives import LossOptions, objective_named
from vsearch.objectives.one_class import FALSE_ALARM, LEAST_VAL, MOST_SCORES

ONE_CLASS = objective_named("one-class")
FEATURES = 24


def own(n: int, seed: int = 0, renderings: int = 1) -> np.ndarray:
    """Return features of our own photos: three directions that vary, and noise."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(99).normal(0, 1, (3, FEATURES))
    clean = rng.normal(0, 1, (n, 1, 3)) @ directions + np.arange(FEATURES)
    noisy = clean + rng.normal(0, 0.2, (n, renderings, FEATURES))
    return np.asarray(noisy, np.float16)


def foreign(n: int) -> np.ndarray:
    """Return features as wide as our own that keep to other directions."""
    rng = np.random.default_rng(7)
    return np.asarray(rng.normal(0, 1.7, (n, FEATURES)) + np.arange(FEATURES), np.float16)


def fitted(features: np.ndarray, dim: int = 16) -> TopLayers:
    top = abstract_top(FEATURES, dim, 1, ONE_CLASS)
    ONE_CLASS.fit(top, features)
    return top


def logits_of(top: TopLayers, features: np.ndarray) -> np.ndarray:
    return np.asarray(top(jnp.asarray(features.reshape(-1, FEATURES)))[1])


def ours(n: int) -> np.ndarray:
    return np.ones((n, 1), bool)


@pytest.mark.parametrize("photos", [15, 200])  # fewer and more than features
def test_foreign_photos_are_told_from_our_own(photos: int) -> None:
    top = fitted(own(photos, renderings=2))
    inside, outside = logits_of(top, own(400, seed=1)), logits_of(top, foreign(400))
    scores = np.concatenate([inside, outside])[:, 0]
    assert auroc(scores, np.arange(800) < 400) > 0.99
    calibration = ONE_CLASS.calibrate(logits_of(top, own(100, seed=2)), ours(100))
    accepted = [
        ONE_CLASS.assigned(ONE_CLASS.probabilities(logits, calibration), calibration).mean()
        for logits in (inside, outside)
    ]
    assert accepted[0] > 0.88
    assert accepted[1] < 0.1
    figures = ONE_CLASS.metrics(
        ONE_CLASS.probabilities(inside, calibration), ours(400), calibration
    )
    assert figures == {"acceptance": pytest.approx(accepted[0])}


def test_logits_are_the_log_likelihood_of_the_model_that_is_kept() -> None:
    features = own(200)
    top = fitted(features)
    flat = features[:, 0].astype(np.float64)
    head = {name: np.asarray(getattr(top.head, name)[...], np.float64) for name in LEAVES}
    mean = np.asarray(top.projection.feature_mean[...])
    standardised = (flat - mean) / np.asarray(top.projection.feature_spread[...])
    np.testing.assert_allclose(standardised.std(0), 1, atol=0.01)
    noise = head["noise_variance"][0]
    assert (head["variances"][:3] > 2).all()
    assert (head["variances"][3:] < 0.1).all()  # three directions vary
    basis = head["basis"]
    covariance = basis @ np.diag(head["variances"] - noise) @ basis.T + noise * np.eye(FEATURES)
    distances = np.einsum("ni,ij,nj->n", standardised, np.linalg.inv(covariance), standardised)
    scores = -distances / FEATURES
    expected = (scores - head["edge_score"]) / head["score_spread"]
    np.testing.assert_allclose(logits_of(top, features)[:, 0], expected, rtol=1e-3, atol=1e-3)


LEAVES = ("basis", "variances", "noise_variance", "edge_score", "score_spread")


def test_the_embedding_holds_the_principal_coordinates() -> None:
    features = own(200)
    top = fitted(features, dim=32)  # more than there are
    embedding = np.asarray(top(jnp.asarray(features[:, 0]))[0])
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-5)
    flat = features[:, 0].astype(np.float64)
    standardised = (flat - flat.mean(0)) / flat.std(0)
    _, _, axes = np.linalg.svd(standardised, full_matrices=False)
    coordinates = np.zeros((200, 32))
    coordinates[:, : FEATURES - 1] = standardised @ axes[: FEATURES - 1].T
    signs = np.sign((np.asarray(top.projection.project.kernel[...]).T[:23] * axes[:23]).sum(1))
    coordinates[:, : FEATURES - 1] *= signs[None]
    coordinates -= coordinates.mean(1, keepdims=True)
    coordinates /= np.linalg.norm(coordinates, axis=1, keepdims=True)
    assert (coordinates * embedding).sum(1).min() > 0.999


def test_fitting_again_gives_the_same_and_many_rows_are_drawn_from() -> None:
    features = own(MOST_ROWS, renderings=2)
    first, again = fitted(features), fitted(features)
    inside_first = np.concatenate([own(50, seed=3)[:, 0], foreign(50)])
    scores = logits_of(first, inside_first)
    np.testing.assert_array_equal(scores, logits_of(again, inside_first))
    assert auroc(scores[:, 0], np.arange(100) < 50) > 0.99


def test_without_val_held_out_training_photos_set_the_threshold() -> None:
    top = fitted(own(1000))
    calibration = ONE_CLASS.calibrate(np.zeros((0, 1), np.float32), ours(0))
    assert calibration == {"threshold": FALSE_ALARM, "scores": []}
    logits = logits_of(top, own(2000, seed=1))
    probabilities = ONE_CLASS.probabilities(logits, calibration)
    expected = sigmoid(np.log(0.05 / 0.95) * (1 - logits.astype(np.float64)))
    np.testing.assert_allclose(probabilities, expected, rtol=1e-5)
    # 0 is the edge and 1 the median of held-out photos.
    at = ONE_CLASS.probabilities(np.array([[0.0], [1.0]], np.float32), calibration)
    np.testing.assert_allclose(at[:, 0], [FALSE_ALARM, 0.5], rtol=1e-5)
    accepted = ONE_CLASS.assigned(probabilities, calibration).mean()
    assert accepted == pytest.approx(1 - FALSE_ALARM, abs=0.03)
    assert float((probabilities > 0.5).mean()) == pytest.approx(0.5, abs=0.1)
    assert (
        ONE_CLASS.assigned(
            ONE_CLASS.probabilities(logits_of(top, foreign(200)), calibration), calibration
        ).mean()
        < 0.1
    )


@pytest.mark.parametrize("photos", [LEAST_VAL, 100, MOST_SCORES, 5000])
def test_p_values_are_the_share_of_val_photos_that_are_as_unusual(photos: int) -> None:
    rng = np.random.default_rng(photos)
    seen = np.asarray(rng.normal(0, 1, (photos, 1)), np.float32)
    calibration = ONE_CLASS.calibrate(seen, ours(photos))
    assert len(np.atleast_1d(calibration["scores"])) == min(photos, MOST_SCORES)
    unseen = np.asarray(rng.normal(0, 2, (300, 1)), np.float32)
    found = ONE_CLASS.probabilities(unseen, calibration)[:, 0]
    counted = [(1 + int((seen <= logit).sum())) / (1 + photos) for logit in unseen[:, 0]]
    np.testing.assert_allclose(found, counted, atol=1e-6 if photos <= MOST_SCORES else 1 / 512)
    assert found.min() == pytest.approx(1 / (1 + min(photos, MOST_SCORES)))


def test_so_few_val_photos_cannot_tell_the_threshold() -> None:
    few = np.zeros((LEAST_VAL - 1, 1), np.float32)
    assert ONE_CLASS.calibrate(few, ours(LEAST_VAL - 1))["scores"] == []


@pytest.mark.parametrize("photos", [19, 77, 600, 1500])
def test_our_own_photos_are_rejected_no_more_often_than_chosen(photos: int) -> None:
    rng = np.random.default_rng(0)
    rejected = []
    for _ in range(200):
        seen = np.asarray(rng.normal(0, 1, (photos, 1)), np.float32)
        calibration = ONE_CLASS.calibrate(seen, ours(photos))
        unseen = np.asarray(rng.normal(0, 1, (50, 1)), np.float32)
        given = ONE_CLASS.assigned(ONE_CLASS.probabilities(unseen, calibration), calibration)
        rejected.append(1 - given.mean())
    # 10,000 photos: the mean is within .0065 of its expectation (three deviations).
    assert np.mean(rejected) <= FALSE_ALARM + 0.0065
    assert np.mean(rejected) >= FALSE_ALARM * 0.6


def test_ties_count_as_at_least_as_unusual() -> None:
    calibration = ONE_CLASS.calibrate(np.zeros((30, 1), np.float32), ours(30))
    found = ONE_CLASS.probabilities(np.array([[-1e-3], [0.0]], np.float32), calibration)
    np.testing.assert_allclose(found[:, 0], [1 / 31, 1.0])


def test_a_place_in_the_tree_is_for_photos_that_are_accepted() -> None:
    calibration = {"threshold": 0.05, "scores": []}
    shares = ONE_CLASS.shares(np.array([[-5.0], [1.0]], np.float32), calibration, np.array([True]))
    assert shares.tolist() == [[0.0], [1.0]]


def test_features_that_never_move_do_not_break_it() -> None:
    features = own(40)
    features[..., 5] = 3
    top = fitted(features)
    moved = features[:, 0].copy()
    moved[:, 5] += 0.001  # a hair beside what it always was
    assert np.abs(logits_of(top, moved) - logits_of(top, features)).max() < 0.5
    same = fitted(np.ones((12, FEATURES), np.float16))
    assert np.isfinite(logits_of(same, np.full((2, FEATURES), 60000, np.float16))).all()


def test_what_it_cannot_do_is_refused() -> None:
    with pytest.raises(DataError, match="at least 10 photos to learn what is usual, there are 9"):
        fitted(own(9))
    with pytest.raises(DataError, match="train the head alone"):
        ONE_CLASS.loss(jnp.zeros((1, 1)), jnp.ones((1, 1)), LossOptions())
    with pytest.raises(NotImplementedError, match="softmax is trained step by step"):
        objective_named("softmax").fit(
            abstract_top(4, 2, 2, ONE_CLASS), np.zeros((2, 4), np.float16)
        )
    assert ONE_CLASS.quality(np.zeros((1, 1), np.float32), ours(1)) == ()
