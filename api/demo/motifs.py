"""Pictures that are printed on products; each is drawn into a circle of radius r at (x, y)."""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import ImageDraw

from api.demo.outline import Points, ellipse, spline, star, xy

Ink = tuple[int, int, int]
Inks = tuple[Ink, Ink, Ink]  # main, second, and the ground it is printed on
Draw = ImageDraw.ImageDraw


def _fill(draw: Draw, points: Points, ink: Ink) -> None:
    draw.polygon([(float(x), float(y)) for x, y in points], fill=ink)


def _at(shape: Sequence[tuple[float, float]], x: float, y: float, r: float) -> Points:
    placed: Points = np.asarray(shape, float) * r + np.asarray((x, y))
    return placed


def _smooth(shape: Sequence[tuple[float, float]], x: float, y: float, r: float) -> Points:
    placed: Points = spline(shape, steps=8) * r + np.asarray((x, y))
    return placed


def _disc(draw: Draw, x: float, y: float, r: float, ink: Ink) -> None:
    draw.ellipse((x - r, y - r, x + r, y + r), fill=ink)


def heart(draw: Draw, x: float, y: float, r: float, inks: Inks) -> None:
    """Draw a heart."""
    t = np.linspace(0, 2 * np.pi, 80)
    across = 16 * np.sin(t) ** 3
    up = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    _fill(draw, np.stack([x + across / 16 * r, y - (up + 2) / 16 * r], axis=1), inks[0])


def five_star(draw: Draw, x: float, y: float, r: float, inks: Inks) -> None:
    """Draw a star with five tips."""
    _fill(draw, star(x, y, r, 0.42 * r, 5), inks[0])


def cat(draw: Draw, x: float, y: float, r: float, inks: Inks) -> None:
    """Draw a cat's face."""
    for side in (-1, 1):
        _fill(
            draw,
            _at([(0.28 * side, -0.5), (0.78 * side, -1.0), (0.86 * side, -0.1)], x, y, r),
            inks[0],
        )
        _fill(
            draw,
            _at([(0.46 * side, -0.52), (0.7 * side, -0.8), (0.74 * side, -0.35)], x, y, r),
            inks[1],
        )
    draw.ellipse((x - 0.9 * r, y - 0.62 * r, x + 0.9 * r, y + 0.88 * r), fill=inks[0])
    width = max(1, round(0.05 * r))
    for side in (-1, 1):
        draw.ellipse(
            (
                x + 0.42 * side * r - 0.13 * r,
                y - 0.16 * r,
                x + 0.42 * side * r + 0.13 * r,
                y + 0.18 * r,
            ),
            fill=inks[2],
        )
        for lift in (-0.06, 0.12):
            draw.line(
                (x + 0.35 * side * r, y + 0.36 * r, x + 1.05 * side * r, y + (0.3 + lift) * r),
                fill=inks[2],
                width=width,
            )
    _fill(draw, _at([(-0.12, 0.28), (0.12, 0.28), (0, 0.44)], x, y, r), inks[1])


def anchor(draw: Draw, x: float, y: float, r: float, inks: Inks) -> None:
    """Draw a ship's anchor."""
    w = max(2, round(0.17 * r))
    draw.ellipse((x - 0.24 * r, y - r, x + 0.24 * r, y - 0.52 * r), outline=inks[0], width=w)
    draw.line((x, y - 0.55 * r, x, y + 0.85 * r), fill=inks[0], width=w)
    draw.line((x - 0.46 * r, y - 0.26 * r, x + 0.46 * r, y - 0.26 * r), fill=inks[0], width=w)
    draw.arc((x - 0.8 * r, y - 0.7 * r, x + 0.8 * r, y + 0.95 * r), 15, 165, fill=inks[0], width=w)
    for side in (-1, 1):
        _fill(
            draw,
            _at([(0.95 * side, 0.0), (0.98 * side, 0.52), (0.5 * side, 0.3)], x, y, r),
            inks[0],
        )


def mountain(draw: Draw, x: float, y: float, r: float, inks: Inks) -> None:
    """Draw two peaks with snow under a sun."""
    _disc(draw, x + 0.5 * r, y - 0.55 * r, 0.26 * r, inks[1])
    _fill(draw, _at([(-0.1, 0.75), (0.48, -0.3), (1.05, 0.75)], x, y, r), inks[1])
    _fill(draw, _at([(-1.05, 0.75), (-0.28, -0.8), (0.55, 0.75)], x, y, r), inks[0])
    _fill(
        draw,
        _at(xy("-0.28,-0.8 -0.56,-0.24 -0.4,-0.34 -0.27,-0.14 -0.12,-0.34 0.02,-0.24"), x, y, r),
        inks[2],
    )


def sun(draw: Draw, x: float, y: float, r: float, inks: Inks) -> None:
    """Draw a sun with rays."""
    _fill(draw, star(x, y, r, 0.66 * r, 12), inks[1])
    _disc(draw, x, y, 0.58 * r, inks[2])
    _disc(draw, x, y, 0.5 * r, inks[0])


def moon(draw: Draw, x: float, y: float, r: float, inks: Inks) -> None:
    """Draw a crescent with a star."""
    _disc(draw, x, y, 0.92 * r, inks[0])
    _disc(draw, x + 0.42 * r, y - 0.2 * r, 0.76 * r, inks[2])
    _fill(draw, star(x + 0.5 * r, y - 0.15 * r, 0.36 * r, 0.15 * r, 5), inks[1])


def bolt(draw: Draw, x: float, y: float, r: float, inks: Inks) -> None:
    """Draw a lightning bolt."""
    shape = xy("0.3,-1.0 -0.6,0.16 -0.06,0.16 -0.34,1.0 0.62,-0.26 0.08,-0.26 0.56,-1.0")
    _fill(draw, _at(shape, x + 0.1 * r, y, r), inks[1])
    _fill(draw, _at(shape, x, y, r), inks[0])


def fish(draw: Draw, x: float, y: float, r: float, inks: Inks) -> None:
    """Draw a fish."""
    _fill(draw, _at(xy("0.45,0 1.05,-0.52 0.9,0 1.05,0.52"), x, y, r), inks[1])
    _fill(
        draw, _smooth(xy("-1,0 -0.4,-0.52 0.3,-0.34 0.62,0 0.3,0.34 -0.4,0.52"), x, y, r), inks[0]
    )
    _disc(draw, x - 0.6 * r, y - 0.12 * r, 0.11 * r, inks[2])
    for step in (-0.2, 0.06, 0.3):
        draw.arc(
            (x + (step - 0.3) * r, y - 0.28 * r, x + step * r, y + 0.28 * r),
            -70,
            70,
            fill=inks[2],
            width=max(1, round(0.06 * r)),
        )


def tree(draw: Draw, x: float, y: float, r: float, inks: Inks) -> None:
    """Draw a fir tree."""
    _fill(draw, _at(xy("-0.12,0.6 0.12,0.6 0.12,1.0 -0.12,1.0"), x, y, r), inks[1])
    for top, half in ((-1.0, 0.42), (-0.6, 0.58), (-0.15, 0.74)):
        _fill(draw, _at([(0, top), (half, top + 0.85), (-half, top + 0.85)], x, y, r), inks[0])


def flower(draw: Draw, x: float, y: float, r: float, inks: Inks) -> None:
    """Draw a daisy."""
    for angle in np.radians(np.arange(0, 360, 60)):
        _disc(draw, x + 0.58 * r * np.cos(angle), y + 0.58 * r * np.sin(angle), 0.38 * r, inks[0])
    _disc(draw, x, y, 0.34 * r, inks[1])


def rocket(draw: Draw, x: float, y: float, r: float, inks: Inks) -> None:
    """Draw a rocket."""
    _fill(draw, _at([(-0.2, 0.6), (0, 1.05), (0.2, 0.6)], x, y, r), inks[1])
    for side in (-1, 1):
        _fill(
            draw,
            _at([(0.3 * side, 0.05), (0.68 * side, 0.72), (0.26 * side, 0.56)], x, y, r),
            inks[1],
        )
    _fill(
        draw,
        _smooth(
            xy("0,-1.05 0.36,-0.4 0.34,0.3 0.24,0.62 -0.24,0.62 -0.34,0.3 -0.36,-0.4"), x, y, r
        ),
        inks[0],
    )
    _disc(draw, x, y - 0.26 * r, 0.18 * r, inks[2])


def mushroom(draw: Draw, x: float, y: float, r: float, inks: Inks) -> None:
    """Draw a toadstool."""
    _fill(draw, _smooth(xy("-0.22,0 0.22,0 0.3,0.8 0,0.92 -0.3,0.8"), x, y, r), inks[1])
    _fill(draw, ellipse(x, y + 0.1 * r, 0.95 * r, 0.95 * r, 180, 360), inks[0])
    for dx, dy, size in (
        (-0.5, -0.2, 0.14),
        (0.05, -0.48, 0.18),
        (0.52, -0.15, 0.13),
        (-0.12, -0.08, 0.11),
    ):
        _disc(draw, x + dx * r, y + dy * r, size * r, inks[2])


def leaf(draw: Draw, x: float, y: float, r: float, inks: Inks) -> None:
    """Draw a leaf with its veins."""
    _fill(
        draw,
        _smooth(xy("-0.8,0.8 -0.6,-0.2 0.1,-0.75 0.9,-0.9 0.75,-0.1 0.2,0.6"), x, y, r),
        inks[0],
    )
    w = max(1, round(0.07 * r))
    draw.line((x - 0.95 * r, y + 0.95 * r, x + 0.7 * r, y - 0.7 * r), fill=inks[1], width=w)
    for t in (-0.3, 0.1):
        draw.line(
            (x + t * r, y - t * r, x + (t + 0.05) * r, y - (t + 0.45) * r), fill=inks[1], width=w
        )
        draw.line(
            (x + t * r, y - t * r, x + (t + 0.45) * r, y - (t + 0.05) * r), fill=inks[1], width=w
        )


def cherries(draw: Draw, x: float, y: float, r: float, inks: Inks) -> None:
    """Draw two cherries on their stalks."""
    w = max(2, round(0.09 * r))
    draw.line((x - 0.42 * r, y + 0.35 * r, x + 0.2 * r, y - 0.85 * r), fill=inks[1], width=w)
    draw.line((x + 0.5 * r, y + 0.45 * r, x + 0.2 * r, y - 0.85 * r), fill=inks[1], width=w)
    _fill(draw, _smooth(xy("0.2,-0.85 0.55,-1.0 0.98,-0.72 0.6,-0.6"), x, y, r), inks[1])
    for dx, dy in ((-0.45, 0.5), (0.5, 0.6)):
        _disc(draw, x + dx * r, y + dy * r, 0.4 * r, inks[0])
        _disc(draw, x + (dx - 0.13) * r, y + (dy - 0.14) * r, 0.1 * r, inks[2])


def sailboat(draw: Draw, x: float, y: float, r: float, inks: Inks) -> None:
    """Draw a sailing boat."""
    _fill(draw, _at([(-0.08, -1.0), (-0.08, 0.32), (-0.85, 0.32)], x, y, r), inks[1])
    _fill(draw, _at([(0.06, -0.8), (0.06, 0.32), (0.75, 0.32)], x, y, r), inks[0])
    _fill(draw, _at(xy("-1.0,0.46 1.0,0.46 0.66,0.92 -0.66,0.92"), x, y, r), inks[0])


MOTIFS: dict[str, Callable[[Draw, float, float, float, Inks], None]] = {
    "heart": heart, "star": five_star, "cat": cat, "anchor": anchor, "mountain": mountain,
    "sun": sun, "moon": moon, "lightning": bolt, "fish": fish, "fir tree": tree, "daisy": flower,
    "rocket": rocket, "toadstool": mushroom, "leaf": leaf, "cherry": cherries, "sailboat": sailboat,
}  # fmt: skip
