"""Folds, knits and other relief of cloth."""

from functools import lru_cache

import numpy as np

from api.demo.canvas import SIDE, Mask, Slopes
from api.demo.materials import slopes_of, smooth_noise


@lru_cache(maxsize=64)
def _folds(seed: int, cell: float) -> Slopes:
    rng = np.random.default_rng([seed, 77])
    height = smooth_noise(rng, SIDE, SIDE, cell * SIDE)
    across, down = slopes_of(height)
    unit = np.float32(cell * SIDE / 2)
    return across * unit, down * unit


def creased(mask: Mask, seed: int, strength: float, cell: float) -> Slopes:
    """Return soft folds of about `cell` (0..1 of the side), the same for the same seed."""
    slope_x, slope_y = _folds(seed, cell)
    factor = np.float32(strength)
    return slope_x[mask.window] * factor, slope_y[mask.window] * factor


def ribbed(mask: Mask, count: float, strength: float, *, upright: bool = True) -> Slopes:
    """Return `count` knitted ribs over the drawing's side, upright or level."""
    x, y = mask.grid()
    flat = np.zeros(mask.cover.shape, np.float32)
    wave = flat + np.sin((x if upright else y) * np.float32(2 * np.pi * count)) * np.float32(
        strength
    )
    return (wave, flat) if upright else (flat, wave)
