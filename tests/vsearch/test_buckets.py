import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vsearch import buckets


@pytest.mark.parametrize(
    ("photos", "sizes"),
    [(1, [1]), (2, [8]), (8, [8]), (9, [32]), (32, [32]), (33, [32, 1]), (70, [32, 32, 8])],
)
def test_batches_cover_all_photos_once(photos: int, sizes: list[int]) -> None:
    batches = buckets.plan(photos, buckets.ELSEWHERE)
    assert [size for _, _, size in batches] == sizes
    assert [index for a, b, _ in batches for index in range(a, b)] == list(range(photos))


def test_on_a_cpu_no_pass_has_photos_that_nobody_sent() -> None:
    assert buckets.batch_sizes() == buckets.ON_CPU  # these tests run on one
    for photos in range(1, 9):
        assert sum(size for _, _, size in buckets.plan(photos)) == photos


def test_any_number_of_photos_compiles_at_most_three_programs() -> None:
    traces = []

    @jax.jit
    def forward(pixels: jax.Array) -> tuple[jax.Array]:
        traces.append(pixels.shape)
        return (pixels.astype(jnp.float32).mean((1, 2, 3)),)

    for count in range(1, 80):
        pixels = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones(
            (1, 4, 4, 3), np.uint8
        )
        (means,) = buckets.run(forward, pixels, buckets.ELSEWHERE)
        np.testing.assert_allclose(means, np.arange(count))
    assert sorted(shape[0] for shape in traces) == [1, 8, 32]


@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (4, 4, 3), (1, 4, 4, 1)])
def test_pixels_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected pixels"):
        buckets.run(lambda pixels: (), np.zeros(shape, np.uint8))


def test_passes_under_way_at_once_answer_in_the_order_of_the_photos() -> None:
    both = threading.Barrier(2, timeout=20)

    def forward(pixels: np.ndarray) -> list[jax.Array]:
        if len(pixels) == 2:
            both.wait()  # passes one after another would never get here together
        return [jnp.asarray(pixels[:, 0, 0, 0], jnp.float32)]

    pixels = np.arange(9, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    (values,) = buckets.run(forward, pixels, (1, 2))
    np.testing.assert_array_equal(values, np.arange(9))
