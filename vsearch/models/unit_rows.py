"""Rows of unit length: what cosine similarity compares."""

import jax
import jax.numpy as jnp

EPSILON = 1e-6


def unit_rows(x: jax.Array) -> jax.Array:
    """Scale rows (…, dim) to unit length; a zero row stays zero."""
    return x * jax.lax.rsqrt(jnp.square(x).sum(-1, keepdims=True) + EPSILON**2)
