import numpy as np
import pytest
from numpy.typing import NDArray

from vsearch.imprinting import (
    MOST_CLUSTERED,
    MOST_VECTORS,
    class_vectors,
    cluster_means,
    clusters,
)

DIM = 16


def around(centres: int, photos: int, noise: float, seed: int = 0) -> NDArray[np.float32]:
    """Return photos around centres that lie at right angles, in turn."""
    rng = np.random.default_rng(seed)
    rows = np.eye(DIM)[np.arange(photos) % centres] + rng.normal(0, noise, (photos, DIM))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize("centres", [2, 3, 4])
def test_every_cluster_has_a_vector(centres: int) -> None:
    rows = around(centres, 60, 0.05)
    own = clusters(rows)
    assert len(set(zip((np.arange(60) % centres).tolist(), own.tolist(), strict=True))) == centres
    vectors = class_vectors(rows)
    assert vectors.shape == (centres, DIM)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose((vectors @ np.eye(DIM)[:centres].T).max(axis=1), 1, atol=0.01)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("photos", [1, 2, 5, 60])
def test_photos_without_clusters_have_one_vector_their_mean_direction(photos: int) -> None:
    rows = around(1, photos, 0.1)
    mean = rows.astype(np.float64).sum(axis=0)
    np.testing.assert_allclose(class_vectors(rows), mean[None] / np.linalg.norm(mean), atol=1e-6)


def test_a_few_odd_photos_are_no_cluster() -> None:
    rows = np.concatenate([around(1, 30, 0.05), around(DIM, 4, 0.01)[2:]])
    assert set(clusters(rows)) == {0}


def test_clusters_are_the_same_every_time_and_the_largest_comes_first() -> None:
    rows = np.concatenate([around(1, 10, 0.05), np.roll(around(1, 20, 0.05, 1), 1, axis=1)])
    own = clusters(rows)
    assert own.tolist() == [1] * 10 + [0] * 20
    np.testing.assert_array_equal(clusters(rows), own)


def test_no_more_vectors_than_asked_for() -> None:
    assert len(class_vectors(around(MOST_VECTORS + 1, 200, 0.02))) == MOST_VECTORS
    rows = around(3, 60, 0.02)
    assert len(class_vectors(rows, most=2)) == 2
    assert len(class_vectors(rows, most=1)) == 1


def test_photos_that_are_all_the_same_are_one_cluster() -> None:
    assert set(clusters(np.repeat(around(1, 1, 0.1), 20, axis=0))) == {0}


def test_photos_that_cancel_out_have_no_direction_and_do_no_harm() -> None:
    rows = np.eye(DIM, dtype=np.float32)[:1]
    found = cluster_means(np.concatenate([rows, -rows]), np.zeros(2, np.int64))
    assert np.isfinite(found).all()


def test_of_very_many_photos_some_tell_where_the_clusters_are() -> None:
    rows = around(3, MOST_CLUSTERED + 500, 0.05)
    own = clusters(rows)
    assert set(zip((np.arange(len(rows)) % 3).tolist(), own.tolist(), strict=True)) == {
        (place, int(own[place])) for place in range(3)
    }
    assert len(set(own.tolist())) == 3
