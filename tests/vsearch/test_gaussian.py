"""Probabilistic principal components against the density of the whole covariance matrix."""

import numpy as np
import pytest

from vsearch.gaussian import LEAST_VARIANCE, Gaussian


def drawn(n: int, features: int, axes: int, noise: float = 0.3) -> np.ndarray:
    """Return rows of a model with that many axes, mean 0 exactly."""
    rng = np.random.default_rng(0)
    loadings = rng.normal(0, 1, (axes, features))
    rows = rng.normal(0, 1, (n, axes)) @ loadings + rng.normal(0, noise, (n, features))
    return np.asarray(rows - rows.mean(0), np.float32)


def log_density(rows: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    _, volume = np.linalg.slogdet(covariance)
    distances = np.einsum("ni,ij,nj->n", rows, np.linalg.inv(covariance), rows)
    return np.asarray(-0.5 * (rows.shape[1] * np.log(2 * np.pi) + volume + distances))


@pytest.mark.parametrize("n", [12, 200])  # fewer and more rows than features
@pytest.mark.parametrize("axes", [0, 1, 5])
def test_scores_are_the_density_of_the_closed_form(n: int, axes: int) -> None:
    rows = drawn(n, 20, 3).astype(np.float64)
    model = Gaussian.of(rows.astype(np.float32), 8)
    values, vectors = np.linalg.eigh(rows.T @ rows / n)
    values, vectors = values[::-1], vectors[:, ::-1]
    noise = values[axes:].mean()  # Tipping & Bishop, equation 8
    own = vectors[:, :axes]
    covariance = own @ np.diag(values[:axes] - noise) @ own.T + noise * np.eye(20)
    unseen = np.random.default_rng(1).normal(0, 2, (30, 20)).astype(np.float32)
    found = model.scores(unseen, axes) * 20
    distances = np.einsum("ni,ij,nj->n", unseen, np.linalg.inv(covariance), unseen)
    np.testing.assert_allclose(found, -distances, rtol=1e-3)
    means = [
        log_density(unseen, _covariance(rows, count)).mean()
        for count in range(len(model.variances) + 1)
    ]
    constant = 20 * np.log(2 * np.pi)
    np.testing.assert_allclose(model.losses(unseen) + constant, -2 * np.array(means), rtol=1e-3)


def _covariance(rows: np.ndarray, axes: int) -> np.ndarray:
    values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    values, own = values[::-1], vectors[:, ::-1][:, :axes]
    noise = max(values[axes:].mean(), LEAST_VARIANCE)
    variances = np.maximum(values[:axes], LEAST_VARIANCE) - noise
    return np.asarray(own @ np.diag(variances) @ own.T + noise * np.eye(rows.shape[1]))


def test_the_number_of_axes_is_found() -> None:
    rows = drawn(400, 30, 4)
    model = Gaussian.of(rows[:300], 20)
    assert model.losses(rows[300:]).argmin() == 4


def test_both_ways_find_the_same_axes() -> None:
    rows = drawn(40, 40, 3)
    wide = np.concatenate([rows, np.zeros((40, 1), np.float32)], axis=1)  # one feature more
    few, many = Gaussian.of(wide, 6), Gaussian.of(rows, 6)
    np.testing.assert_allclose(few.variances, many.variances, rtol=1e-3)
    np.testing.assert_allclose(few.basis[:40], many.basis, atol=2e-3)
    np.testing.assert_allclose(many.basis.T @ many.basis, np.eye(6), atol=1e-5)
    assert (np.take_along_axis(many.basis, np.abs(many.basis).argmax(0)[None], 0) > 0).all()


def test_padding_changes_no_score() -> None:
    rows = drawn(8, 10, 2)
    model = Gaussian.of(rows, 6)
    basis, variances, noise = model.padded(2, 16)
    assert (basis.shape, variances.shape) == ((10, 16), (16,))
    along = rows @ basis
    beside = rows - along @ basis.T
    distance = (along**2 / variances).sum(1) + (beside**2).sum(1) / noise
    np.testing.assert_allclose(-distance / 10, model.scores(rows, 2), rtol=1e-3)


def test_rows_that_do_not_differ_give_finite_scores() -> None:
    model = Gaussian.of(np.zeros((5, 4), np.float32), 3)
    assert model.scores(np.zeros((2, 4), np.float32), 0).tolist() == [0, 0]
    assert np.isfinite(model.scores(np.full((2, 4), 1e6, np.float32), 1)).all()
