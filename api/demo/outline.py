"""Outlines in the unit square: x to the right, y down, both 0..1 over the drawing's side."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


@cache
def xy(text: str) -> tuple[tuple[float, float], ...]:
    """Read points as SVG writes them: `0.1,0.2 0.3,0.4`."""
    pairs = (pair.split(",") for pair in text.split())
    return tuple((float(x), float(y)) for x, y in pairs)


def spline(
    points: Sequence[tuple[float, float]], *, closed: bool = True, steps: int = 16
) -> Points:
    """Return a smooth curve through the points, shape (n, 2) (Catmull & Rom 1974, uniform)."""
    knots = np.asarray(points, float)
    if closed:
        ring = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        ring = np.concatenate([knots[:1], knots, knots[-1:]])
    before, start, end, after = ring[:-3, None], ring[1:-2, None], ring[2:-1, None], ring[3:, None]
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    linear = (end - before) * t
    square = (2 * before - 5 * start + 4 * end - after) * t**2
    cube = (3 * start - before - 3 * end + after) * t**3
    curve = (0.5 * (2 * start + linear + square + cube)).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, knots[-1:]])


def path(*points: tuple[float, float]) -> Points:
    """Return the corners as they are, shape (n, 2)."""
    return np.asarray(points, float)


def ellipse(
    x: float, y: float, rx: float, ry: float, start: float = 0, stop: float = 360
) -> Points:
    """Return an ellipse or, between two angles in degrees (0 right, 90 down), an arc of it."""
    angle = np.radians(np.linspace(start, stop, 64))
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], axis=1)


def rectangle(x0: float, y0: float, x1: float, y1: float, radius: float = 0.0) -> Points:
    """Return a rectangle whose corners are rounded with `radius`."""
    r = min(radius, (x1 - x0) / 2, (y1 - y0) / 2)
    corners = [
        (x1 - r, y0 + r, -90),
        (x1 - r, y1 - r, 0),
        (x0 + r, y1 - r, 90),
        (x0 + r, y0 + r, 180),
    ]
    arcs = []
    for x, y, start in corners:
        angle = np.radians(np.linspace(start, start + 90, 10))
        arcs.append(np.stack([x + r * np.cos(angle), y + r * np.sin(angle)], axis=1))
    return np.concatenate(arcs)


def symmetric(right: Points, axis: float = 0.5) -> Points:
    """Close a right-hand outline (top to bottom) with its mirror image about x = `axis`."""
    left = right[::-1].copy()
    left[:, 0] = 2 * axis - left[:, 0]
    return np.concatenate([right, left])


def mirrored(points: Points, axis: float = 0.5) -> Points:
    """Return the outline reflected about x = `axis`."""
    flipped = points.copy()
    flipped[:, 0] = 2 * axis - flipped[:, 0]
    return flipped


def turned(points: Points, degrees: float, x: float, y: float) -> Points:
    """Return the outline turned clockwise about (x, y)."""
    angle = np.radians(degrees)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    about = np.array([x, y])
    result: Points = (points - about) @ rotation + about
    return result


def star(x: float, y: float, outer: float, inner: float, tips: int, start: float = -90) -> Points:
    """Return a star with `tips` tips, the first at angle `start` (degrees)."""
    angle = np.radians(start + np.arange(2 * tips) * 180 / tips)
    radius = np.where(np.arange(2 * tips) % 2 == 0, outer, inner)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)
