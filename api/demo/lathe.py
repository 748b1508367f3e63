"""Round bodies (mugs, vases, bottles, shades): a profile turned about an upright axis."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.demo.canvas import SIDE, Mask, Slopes
from api.demo.materials import Plane
from api.demo.outline import Points, ellipse, spline

AXIS = 0.5
Line = NDArray[np.float64]


@dataclass(frozen=True)
class Turned:
    """The visible surface of a turned body.

    Attributes:
        mask: the pixels it covers.
        slopes: its normals there.
        around: arc length from the point facing the camera, in pixels at the widest radius.
        down: height on the body, in pixels of the drawing.
        widest: the widest radius in pixels.
    """

    mask: Mask
    slopes: Slopes
    around: Plane
    down: Plane
    widest: float


def profile(points: Sequence[tuple[float, float]], *, smooth: bool = True) -> Points:
    """Return a profile (radius, y), top to bottom, shape (n, 2), through the points."""
    if smooth:
        return spline(points, closed=False, steps=24)
    corners = np.asarray(points, float)
    dense = np.linspace(0, len(corners) - 1, 24 * (len(corners) - 1) + 1)
    index = np.arange(len(corners))
    columns = [np.interp(dense, index, corners[:, axis]) for axis in (0, 1)]
    return np.stack(columns, axis=1)


def turn(outline: Points, pitch: float, axis: float = AXIS) -> Turned:
    """Turn a profile about x = `axis`, seen from `pitch` radians above the horizon.

    A surface point at angle a from the camera lands at x = r sin a, y = h cos pitch + r cos a sin
    pitch. For each column that is inverted numerically along the profile, the first hit from the
    top being the visible one.
    """
    radius, height = np.maximum(outline[:, 0], 1e-4) * SIDE, outline[:, 1] * SIDE
    widest = float(radius.max())
    left = max(int(axis * SIDE - widest), 0)
    right = min(int(axis * SIDE + widest) + 1, SIDE)
    x = np.arange(left, right, dtype=np.float64) + 0.5 - axis * SIDE
    depth = np.sqrt(np.maximum(radius[:, None] ** 2 - x[None, :] ** 2, 0)) * np.sin(pitch)
    level = (height * np.cos(pitch))[:, None]
    reached = radius[:, None] >= np.abs(x)[None, :]
    back = np.where(reached, level - depth, np.inf)
    front = np.where(reached, level + depth, -np.inf)
    columns = np.flatnonzero(reached.any(axis=0))
    top, bottom = max(int(back.min()), 0), min(int(np.ceil(front.max())) + 1, SIDE)
    rows = np.arange(top, bottom, dtype=np.float64) + 0.5
    at = np.zeros((len(rows), len(x)))
    cover, behind = np.zeros(at.shape, bool), np.zeros(at.shape, bool)
    for column in columns:
        ys, steps, joint = _seen(
            back[:, column], front[:, column], radius, level[:, 0], abs(x[column])
        )
        at[:, column] = np.interp(rows, ys, steps)
        cover[:, column] = (rows >= ys[0]) & (rows <= ys[-1])
        behind[:, column] = rows < joint
    return _surface(Mask(left, top, cover), at, behind, x, (radius, height), pitch)


def _seen(
    back: Line, front: Line, radius: Line, level: Line, offset: float
) -> tuple[Line, Line, float]:
    """Return the visible way down one column: screen heights, steps of the profile, the joint.

    It begins on the far side, where that rises above the rest (a lid seen from above), and goes on
    down the near side; the joint is the screen height at which it changes over.
    """
    start = int(np.isfinite(back).argmax())
    highest = int(back.argmin())
    far = np.arange(highest, start - 1, -1)
    near = np.arange(start, len(front))
    first, joint = float(start), float(level[start])
    if start:
        share = (offset - radius[start - 1]) / max(radius[start] - radius[start - 1], 1e-6)
        first = start - 1 + share
        joint = float(level[start - 1] + share * (level[start] - level[start - 1]))
    far_ys = np.where(np.isfinite(back[far]), back[far], -np.inf)
    ys = np.maximum.accumulate(np.concatenate([far_ys, [joint], front[near]]))
    return ys, np.concatenate([far, [first], near]), joint


def _surface(
    mask: Mask,
    at: Line,
    behind: NDArray[np.bool_],
    x: Line,
    shape: tuple[Line, Line],
    pitch: float,
) -> Turned:
    radius, height = shape
    steps = np.arange(len(radius), dtype=float)
    rise, run = np.gradient(height), np.gradient(radius)
    length = np.maximum(np.hypot(rise, run), 1e-6)
    here = np.interp(at, steps, radius)
    sine = np.clip(x[None, :] / np.maximum(here, 1e-3), -1, 1)
    cosine = np.where(behind, -1, 1) * np.sqrt(1 - sine**2)
    outward, upward = np.interp(at, steps, rise / length), np.interp(at, steps, run / length)
    slope_x = outward * sine
    slope_y = -upward * np.cos(pitch) + outward * cosine * np.sin(pitch)
    around = np.arctan2(sine, cosine) * float(radius.max())
    down = np.interp(at, steps, height)
    planes = [plane.astype(np.float32) for plane in (slope_x, slope_y, around, down)]
    return Turned(mask, (planes[0], planes[1]), planes[2], planes[3], float(radius.max()))


def ring(radius: float, y: float, pitch: float, axis: float = AXIS) -> Points:
    """Return the ellipse that a level circle of `radius` at height `y` shows."""
    return ellipse(axis, y * np.cos(pitch), radius, max(radius * np.sin(pitch), 0.002))


def placed(radius: Line, y: Line, angle: float, pitch: float, axis: float = AXIS) -> Points:
    """Project points of an upright half plane at `angle` (radians; 0 faces the camera)."""
    depth = radius * np.cos(angle)
    return np.stack(
        [axis + radius * np.sin(angle), y * np.cos(pitch) + depth * np.sin(pitch)], axis=1
    )
