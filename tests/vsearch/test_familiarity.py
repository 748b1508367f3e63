"""How familiar features are, against plain NumPy: full covariance matrices and their inverses."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from numpy.typing import NDArray

from vsearch.models.familiarity import (
    SHRINKAGE,
    Familiarity,
    FamiliarPhotos,
    early_features,
    fitted_familiarity,
)
from vsearch.models.likelihood import EDGE

CHANNELS = (3, 4)
FEATURES = 2 * sum(CHANNELS)
EARLY = (0, 1, 2, 7, 8, 9)  # means of the first stage, then its deviations
DIM = 5
BLOCK = 64
FACTORS = 2  # that the features of the first stage really have


def drawn(photos: int, classes: int, seed: int = 0) -> tuple[NDArray[np.float32], list[int]]:
    """Return features of the same world for every seed: two factors, and classes that lie apart."""
    world, rng = np.random.default_rng(99), np.random.default_rng(seed)
    angles = world.uniform(0, np.pi, FEATURES)
    loadings = np.stack([np.cos(angles), np.sin(angles)])  # all features vary alike
    centres = world.normal(0, 2, (classes, FEATURES))
    centres[:, EARLY] = 0
    labels = rng.permutation(np.arange(photos) % classes)
    rows = rng.normal(0, 1, (photos, FACTORS)) @ loadings + centres[labels]
    rows += rng.normal(0, 0.3, rows.shape)
    return (3 + 2 * rows).astype(np.float32), labels.tolist()


def photos_of(
    features: NDArray[np.float32], labels: Sequence[int] | None, classes: int
) -> FamiliarPhotos:
    kept = features.astype(np.float16)
    spread = np.maximum(kept.std(axis=0, dtype=np.float64), 1e-5)
    mean = kept.mean(axis=0, dtype=np.float64)
    return FamiliarPhotos(kept, labels, classes, mean.astype(np.float32), spread.astype(np.float32))


@nnx.jit
def ask(familiarity: Familiarity, features: jax.Array) -> jax.Array:
    return familiarity(features)


def told(
    familiarity: Familiarity, photos: FamiliarPhotos, features: NDArray[np.float32]
) -> NDArray[np.float32]:
    standardised = (features - photos.mean) / photos.spread
    blocks = -(-len(features) // BLOCK)  # of one size: no shape is compiled for twice
    padded = np.pad(standardised, ((0, blocks * BLOCK - len(features)), (0, 0)))
    parts = [np.asarray(ask(familiarity, jnp.asarray(part))) for part in np.split(padded, blocks)]
    return np.concatenate(parts)[: len(features)]


def covariance_of(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(rows.T @ rows / len(rows))


def distances(rows: NDArray[np.float64], covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.einsum("ni,ij,nj->n", rows, np.linalg.inv(covariance), rows))


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ((3, 4), EARLY),
        ((2, 3, 5), (0, 1, 2, 3, 4, 10, 11, 12, 13, 14)),
        ((3,), (0, 1, 2, 3, 4, 5)),  # the only stage is all there is
    ],
)
def test_the_last_stage_is_left_out(channels: Sequence[int], expected: tuple[int, ...]) -> None:
    assert early_features(channels) == expected


@pytest.fixture(scope="module")
def fitted() -> tuple[FamiliarPhotos, Familiarity]:
    photos = photos_of(*drawn(500, 4), 4)
    return photos, fitted_familiarity(photos, CHANNELS, DIM, seed=0)


def test_usualness_is_the_likelihood_of_a_gaussian_of_two_factors(
    fitted: tuple[FamiliarPhotos, Familiarity],
) -> None:
    photos, familiarity = fitted
    columns = list(EARLY)
    rows = ((photos.features - photos.mean) / photos.spread)[:, columns].astype(np.float64)
    values, vectors = np.linalg.eigh(covariance_of(rows))
    own, noise = vectors[:, -FACTORS:], values[:-FACTORS].mean()
    covariance = noise * np.eye(len(EARLY))
    covariance += own @ np.diag(values[-FACTORS:] - noise) @ own.T
    unseen, _ = drawn(50, 4, seed=1)
    unseen[::2] += 3  # photos of anything else among them
    standardised = (unseen - photos.mean) / photos.spread
    score = -distances(standardised[:, columns].astype(np.float64), covariance) / len(EARLY)
    edge, spread = (
        float(np.asarray(leaf[...])[0])
        for leaf in (familiarity.likelihood.edge_score, familiarity.likelihood.score_spread)
    )
    np.testing.assert_allclose(
        told(familiarity, photos, unseen)[:, 0], (score - edge) / spread, rtol=2e-3, atol=2e-3
    )


def test_usualness_is_scaled_by_photos_that_were_held_out(
    fitted: tuple[FamiliarPhotos, Familiarity],
) -> None:
    photos, familiarity = fitted
    usual = told(familiarity, photos, drawn(2000, 4, seed=2)[0])[:, 0]
    # Found .049 and 1.01.
    assert np.mean(usual < 0) == pytest.approx(EDGE, abs=0.01)
    assert np.median(usual) == pytest.approx(1, abs=0.03)


def test_what_the_last_stage_sees_does_not_touch_usualness(
    fitted: tuple[FamiliarPhotos, Familiarity],
) -> None:
    photos, familiarity = fitted
    unseen, _ = drawn(20, 4, seed=3)
    late = np.setdiff1d(np.arange(FEATURES), EARLY)
    moved = unseen.copy()
    moved[:, late] += 5
    before, after = told(familiarity, photos, unseen), told(familiarity, photos, moved)
    np.testing.assert_array_equal(before[:, 0], after[:, 0])
    assert (after[:, 1] < before[:, 1]).all()  # but it is no longer typical of a class


def test_typicality_is_the_relative_mahalanobis_distance(
    fitted: tuple[FamiliarPhotos, Familiarity],
) -> None:
    photos, familiarity = fitted
    rows = ((photos.features - photos.mean) / photos.spread).astype(np.float64)
    _, vectors = np.linalg.eigh(covariance_of(rows))
    axes = vectors[:, -DIM:]
    along, own = rows @ axes, np.array(photos.labels)

    def shrunk(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
        level = np.trace(covariance) / DIM
        return np.asarray((1 - SHRINKAGE) * covariance + SHRINKAGE * level * np.eye(DIM))

    means = np.stack([along[own == label].mean(axis=0) for label in range(4)])
    within = shrunk(covariance_of(along - means[own]))
    whole = shrunk(np.diag(np.square(along).mean(axis=0)))
    unseen, _ = drawn(50, 4, seed=1)
    unseen[::2] += 3
    asked = ((unseen - photos.mean) / photos.spread).astype(np.float64) @ axes
    near = np.min([distances(asked - mean, within) for mean in means], axis=0)
    np.testing.assert_allclose(
        told(familiarity, photos, unseen)[:, 1],
        (distances(asked, whole) - near) / DIM,
        rtol=2e-3,
        atol=2e-3,
    )


def test_without_classes_that_exclude_only_usualness_is_told(
    fitted: tuple[FamiliarPhotos, Familiarity],
) -> None:
    photos, with_classes = fitted
    several = FamiliarPhotos(photos.features, None, 4, photos.mean, photos.spread)
    familiarity = fitted_familiarity(several, CHANNELS, DIM, seed=0)
    assert familiarity.class_means[...].shape == (0, DIM)
    unseen, _ = drawn(9, 4, seed=1)
    alone = told(familiarity, several, unseen)
    assert alone.shape == (9, 1)
    np.testing.assert_allclose(alone[:, 0], told(with_classes, photos, unseen)[:, 0], rtol=1e-5)


def test_the_same_seed_gives_the_same_and_photos_do_not_depend_on_one_another(
    fitted: tuple[FamiliarPhotos, Familiarity],
) -> None:
    photos, familiarity = fitted
    unseen, _ = drawn(30, 4, seed=1)
    together = told(familiarity, photos, unseen)
    again = told(fitted_familiarity(photos, CHANNELS, DIM, seed=0), photos, unseen)
    np.testing.assert_array_equal(together, again)
    np.testing.assert_allclose(
        told(familiarity, photos, unseen[::-1])[::-1], together, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("photos", "classes", "dim", "constant"),
    [
        (10, 1, 4, 0),  # of one class
        (10, 2, 32, 3),  # more axes than photos and than features
        (10, 10, 4, 0),  # a photo a class
        (12, 2, 4, FEATURES),  # that are all alike
    ],
)
def test_few_photos_and_features_that_never_vary_give_numbers(
    photos: int, classes: int, dim: int, constant: int
) -> None:
    features, labels = drawn(photos, classes)
    features[:, :constant] = 0.25
    known = photos_of(features, labels, classes)
    familiarity = fitted_familiarity(known, CHANNELS, dim, seed=0)
    asked = np.concatenate([features, drawn(4, classes, seed=5)[0], np.zeros((1, FEATURES))])
    found = told(familiarity, known, asked.astype(np.float32))
    assert found.shape == (photos + 5, 2)
    assert np.isfinite(found).all()
    if constant < FEATURES:  # else nothing is known of what photos have in common
        assert np.median(found[:photos, 0]) > np.median(found[photos + 4 :, 0])


def test_a_photo_without_a_class_of_its_own_is_less_typical_than_its_neighbours() -> None:
    features, labels = drawn(400, 8)
    known = photos_of(features, labels, 8)
    familiarity = fitted_familiarity(known, CHANNELS, 8, seed=0)
    strange = np.array(labels) == 7  # as if the shop sold seven kinds of eight
    rest = photos_of(features[~strange], [label for label in labels if label < 7], 7)
    without = fitted_familiarity(rest, CHANNELS, 8, seed=0)
    fresh, kinds = drawn(400, 8, seed=6)
    eighth = np.array(kinds) == 7
    assert told(familiarity, known, fresh)[eighth, 1].mean() > 0
    typical = told(without, rest, fresh)[:, 1]
    # Every photo of the eighth kind is less typical than nearly all others.
    assert typical[eighth].max() < np.quantile(typical[~eighth], 0.05)
