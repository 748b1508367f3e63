"""Materials: how a surface answers light, and the fine relief that gives it away."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Material:
    """A surface under light.

    Attributes:
        name: the word in titles and in the catalogue's column `material`.
        gloss: strength of the highlight, 0..1.
        sharpness: exponent of the highlight (Blinn 1977); higher is smaller and crisper.
        metal: share of mirrored surroundings instead of own scattered light, 0..1.
        bump: strength of the fine relief, 0..1.
        grain: size of the fine relief in pixels of the drawing.
        sheen: brightening towards the rim, as on velvet and plush, 0..1.
    """

    name: str
    gloss: float
    sharpness: float
    metal: float = 0.0
    bump: float = 0.0
    grain: float = 3.0
    sheen: float = 0.0


MATERIALS = {
    m.name: m
    for m in (
        Material("matt", 0.0, 8),
        Material("porcelain", 0.75, 90),
        Material("ceramic", 0.5, 45),
        Material("stoneware", 0.16, 12, bump=0.035, grain=3),
        Material("terracotta", 0.05, 6, bump=0.05, grain=3),
        Material("glass", 0.85, 120, metal=0.15),
        Material("enamel", 0.6, 60),
        Material("cast iron", 0.4, 30, bump=0.04, grain=2),
        Material("steel", 0.5, 40, metal=0.85),
        Material("powder-coated steel", 0.22, 14, bump=0.06, grain=2),
        Material("brass", 0.5, 40, metal=0.7),
        Material("polycarbonate", 0.45, 35),
        Material("plastic", 0.5, 45),
        Material("rubber", 0.1, 10),
        Material("leather", 0.28, 16, bump=0.05, grain=3),
        Material("suede", 0.0, 6, bump=0.07, grain=2, sheen=0.12),
        Material("canvas", 0.02, 6, bump=0.08, grain=2),
        Material("nylon", 0.16, 12, bump=0.05, grain=2),
        Material("mesh", 0.03, 8, bump=0.13, grain=3),
        Material("cotton", 0.0, 6, bump=0.06, grain=2),
        Material("linen", 0.0, 6, bump=0.09, grain=2),
        Material("velvet", 0.05, 6, bump=0.05, grain=3, sheen=0.3),
        Material("wool", 0.0, 6, bump=0.09, grain=3, sheen=0.06),
        Material("plush", 0.0, 6, bump=0.15, grain=3, sheen=0.16),
        Material("silicone", 0.12, 10),
        Material("wood", 0.2, 18, bump=0.04, grain=3),
        Material("paper", 0.0, 6, bump=0.05, grain=2),
    )
}
NAMES = tuple(MATERIALS)


@lru_cache(maxsize=32)
def relief(grain: float, side: int) -> tuple[Plane, Plane]:
    """Return the slopes in x and y of fine noise, float32 (side, side), about -1..1.

    The noise is the same for every drawing: it is too fine to tell two items apart.
    """
    rng = np.random.default_rng(20_231)
    cells = max(2, round(side / grain))
    coarse = rng.standard_normal((cells, cells)).astype(np.float32)
    height = np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))
    across, down = slopes_of(height)
    return across * np.float32(grain / 2), down * np.float32(grain / 2)


def slopes_of(height: Plane) -> tuple[Plane, Plane]:
    """Return how fast a height rises to the right and downwards, per pixel, float32."""
    down, across = np.gradient(height)
    return np.asarray(across, np.float32), np.asarray(down, np.float32)


def smooth_noise(rng: np.random.Generator, height: int, width: int, cell: float) -> Plane:
    """Return smooth noise of standard deviation about 1, float32 (height, width)."""
    rows, columns = max(2, round(height / cell) + 1), max(2, round(width / cell) + 1)
    coarse = rng.standard_normal((rows, columns)).astype(np.float32)
    resized = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized, np.float32)
