"""The colours that the generated shop sells, with the names its titles use."""

import math
from dataclasses import dataclass

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Colour:
    """A named colour; `rgb` holds sRGB values in 0..1."""

    name: str
    rgb: RGB


def _colour(name: str, red: int, green: int, blue: int) -> Colour:
    return Colour(name, (red / 255, green / 255, blue / 255))


_ALL = (
    _colour("black", 40, 40, 45),
    _colour("white", 238, 237, 233),
    _colour("grey", 140, 143, 149),
    _colour("red", 200, 36, 44),
    _colour("burgundy", 112, 22, 46),
    _colour("orange", 236, 116, 30),
    _colour("mustard", 214, 160, 32),
    _colour("yellow", 248, 216, 64),
    _colour("olive", 112, 118, 54),
    _colour("green", 36, 130, 70),
    _colour("mint", 152, 216, 188),
    _colour("teal", 14, 124, 130),
    _colour("sky blue", 116, 184, 230),
    _colour("cobalt", 34, 84, 190),
    _colour("navy", 30, 42, 90),
    _colour("lilac", 182, 156, 216),
    _colour("purple", 106, 54, 150),
    _colour("pink", 242, 150, 180),
    _colour("brown", 108, 68, 42),
    _colour("tan", 194, 146, 94),
    _colour("cream", 244, 230, 200),
)
COLOURS = {colour.name: colour for colour in _ALL}

STEEL: RGB = (0.78, 0.79, 0.81)
BRASS: RGB = (0.80, 0.63, 0.34)
RUBBER: RGB = (0.13, 0.13, 0.14)
OAK: RGB = (0.72, 0.53, 0.34)


def mix(one: RGB, other: RGB, share: float) -> RGB:
    """Return `one` with `share` (0..1) of `other` mixed in."""
    red, green, blue = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return red, green, blue


def darker(rgb: RGB, share: float = 0.3) -> RGB:
    """Return the colour moved towards black."""
    return mix(rgb, (0.0, 0.0, 0.0), share)


def lighter(rgb: RGB, share: float = 0.3) -> RGB:
    """Return the colour moved towards white."""
    return mix(rgb, (1.0, 1.0, 1.0), share)


def distance(one: Colour, other: Colour) -> float:
    """Return how different two colours look: a weighted RGB distance, about 0..1."""
    weights = (0.6, 0.9, 0.5)
    pairs = zip(weights, one.rgb, other.rgb, strict=True)
    return math.sqrt(sum((w * (a - b)) ** 2 for w, a, b in pairs))
