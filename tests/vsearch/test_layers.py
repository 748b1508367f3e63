from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vsearch.models.layers import native_depthwise, shifted_depthwise

Form = Callable[[jax.Array, jax.Array, int], jax.Array]


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("length", [7, 8])
def test_the_shifted_form_is_the_convolution_and_so_is_its_gradient(
    size: int, stride: int, length: int
) -> None:
    rng = np.random.default_rng(size * stride * length)
    x = jnp.asarray(rng.normal(size=(2, length, length + 1, 4)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(size, size, 1, 4)), jnp.float32)

    def both(form: Form) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        def energy(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, jax.Array]:
            y = form(x, kernel, stride)
            return jnp.square(y).sum(), y

        (_, y), gradients = jax.jit(jax.value_and_grad(energy, (0, 1), has_aux=True))(x, kernel)
        return y, gradients

    (ours, our_gradients), (theirs, their_gradients) = (
        both(shifted_depthwise),
        both(native_depthwise),
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    for a, b in zip(our_gradients, their_gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)
