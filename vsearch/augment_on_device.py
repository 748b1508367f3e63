"""Augmentation where the network computes: random resized crop, flip and colour in one program.

A resampled crop is two matrix products, one for rows and one for columns, so any crop of any photo
of a batch has the same shapes and nothing is ever compiled again.
"""

import jax
import jax.numpy as jnp

from vsearch.augment import Augmentation

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
SHAPE = 9  # random numbers a photo


def augment(
    squares: jax.Array, aspects: jax.Array, key: jax.Array, size: int, how: Augmentation
) -> jax.Array:
    """Return one random rendering of each photo, (n, size, size, 3) float32 in 0..255.

    Random resized crop after Szegedy et al. 2015 (arXiv:1409.4842), sampled with a triangle filter
    that widens where the crop is shrunk, as Pillow's bilinear one does.

    Args:
        squares: (n, side, side, 3) uint8, whole photos stretched to squares.
        aspects: (n,) float32, width / height of the photos.
        key: decides, with a photo's place in the batch, how it is rendered; what the other photos
            are, and how many, does not count.
        size: side of the renderings.
        how: bounds of crop and colour.
    """
    draws = jax.random.uniform(key, (squares.shape[0], SHAPE))

    def one(square: jax.Array, aspect: jax.Array, draw: jax.Array) -> jax.Array:
        left, top, wide, high = _crop(aspect, draw, how)
        side = square.shape[0]
        columns = _resampling(left, wide, side, size)
        columns = jnp.where(how.flip & (draw[4] < 0.5), columns[::-1], columns)
        rows = _resampling(top, high, side, size)
        x = jnp.einsum("ph,hwc->pwc", rows, square.astype(jnp.float32))
        return _recolour(jnp.einsum("qw,pwc->pqc", columns, x), draw[5:8], how)

    return jax.vmap(one)(squares, aspects, draws)


def _crop(
    aspect: jax.Array, draw: jax.Array, how: Augmentation
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Return left, top, width and height of a crop as fractions of the photo.

    One that does not fit is cut off: of a long photo, things may be stretched by more than
    `max_stretch`, though never by more than if the whole photo were.
    """
    area = how.min_area + draw[0] * (1 - how.min_area)
    ratio = jnp.exp((2 * draw[1] - 1) * jnp.log(how.max_stretch))
    # Of a photo of height 1 and width `aspect`.
    wide = jnp.minimum(jnp.sqrt(area * aspect * ratio), aspect) / aspect
    high = jnp.minimum(jnp.sqrt(area * aspect / ratio), 1.0)
    return draw[2] * (1 - wide), draw[3] * (1 - high), wide, high


def _resampling(start: jax.Array, length: jax.Array, side: int, size: int) -> jax.Array:
    """Return the matrix (size, side) that samples `size` pixels from a stretch of `side`."""
    centres = (start + (jnp.arange(size) + 0.5) / size * length) * side - 0.5
    reach = jnp.maximum(length * side / size, 1.0)
    distance = jnp.abs(jnp.arange(side)[None] - centres[:, None])
    weights = jnp.maximum(1 - distance / reach, 0.0)
    return weights / weights.sum(1, keepdims=True)


def _recolour(x: jax.Array, draw: jax.Array, how: Augmentation) -> jax.Array:
    spreads = jnp.asarray((how.saturation, how.contrast, how.brightness), jnp.float32)
    saturation, contrast, brightness = 1 + (2 * draw - 1) * spreads
    grey = (x * jnp.asarray(LUMA, jnp.float32)[None, None]).sum(-1, keepdims=True)
    x = grey + (x - grey) * saturation
    mean = grey.mean()
    return jnp.clip((mean + (x - mean) * contrast) * brightness, 0, 255)
