from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from vsearch.models.layers import native_depthwise, shifted_depthwise

Form = Callable[[jax.Array, jax.Array, int], jax.Array]
Results = tuple[jax.Array, jax.Array, jax.Array]


def example(size: int, lengths: tuple[int, int], dtype: jnp.dtype) -> tuple[jax.Array, jax.Array]:
    rng = np.random.default_rng((size, *lengths))
    x = jnp.asarray(rng.normal(size=(2, *lengths, 4)), dtype)
    return x, jnp.asarray(rng.normal(size=(size, size, 1, 4)), dtype)


def with_gradients(form: Form, x: jax.Array, kernel: jax.Array, stride: int) -> Results:
    """Return the output and both gradients of a sum of its squares."""

    def energy(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, jax.Array]:
        y = form(x, kernel, stride)
        return jnp.square(y.astype(jnp.float32)).sum(), y

    (_, y), slopes = jax.jit(jax.value_and_grad(energy, (0, 1), has_aux=True))(x, kernel)
    return y, *slopes


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("lengths", [(7, 8), (8, 7), (2, 1)])
def test_the_shifted_form_is_the_convolution_and_so_are_its_gradients(
    size: int, stride: int, lengths: tuple[int, int]
) -> None:
    x, kernel = example(size, lengths, jnp.dtype(jnp.float32))
    ours = with_gradients(shifted_depthwise, x, kernel, stride)
    theirs = with_gradients(native_depthwise, x, kernel, stride)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * float(jnp.abs(b).max()))


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_in_bfloat16_it_stays_as_close_as_bfloat16_allows(size: int, stride: int) -> None:
    x, kernel = example(size, (9, 8), jnp.dtype(jnp.bfloat16))
    ours = with_gradients(shifted_depthwise, x, kernel, stride)
    exact = with_gradients(
        native_depthwise, x.astype(jnp.float32), kernel.astype(jnp.float32), stride
    )
    for a, b in zip(ours, exact, strict=True):
        assert a.dtype == jnp.bfloat16
        np.testing.assert_allclose(
            a.astype(jnp.float32), b, rtol=0, atol=0.02 * float(jnp.abs(b).max())
        )


def test_the_gradients_are_the_same_where_the_batch_is_spread_over_devices() -> None:
    x, kernel = example(3, (6, 6), jnp.dtype(jnp.float32))
    mesh = Mesh(np.array(jax.devices()[:2]), ("batch",))
    spread = jax.device_put(x, NamedSharding(mesh, PartitionSpec("batch")))
    whole = jax.device_put(kernel, NamedSharding(mesh, PartitionSpec()))
    alone = with_gradients(shifted_depthwise, x, kernel, 2)
    for a, b in zip(with_gradients(shifted_depthwise, spread, whole, 2), alone, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
