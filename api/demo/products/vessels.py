"""Parts that several round products share: the turned body, its mouth, handles, knobs."""

import numpy as np

from api.demo.canvas import SIDE, Canvas, Paint, added, polygon, puffed, stroke
from api.demo.lathe import AXIS, Turned, placed, profile, ring, turn
from api.demo.materials import Material
from api.demo.outline import Points
from api.demo.palette import RGB, darker
from api.demo.patterns import Pattern, wrapped


def body(
    canvas: Canvas,
    outline: Points,
    pitch: float,
    paint: Paint | Pattern,
    material: Material,
    yaw: float = 0.0,
    *,
    middle: float | None = None,
) -> Turned:
    """Draw a turned body; a pattern is wound around it with its middle at height `middle`."""
    surface = turn(outline, pitch)
    if isinstance(paint, Pattern):
        at = float(outline[:, 1].mean()) if middle is None else middle
        paint = wrapped(paint, surface, yaw, at)
    canvas.add(surface.mask, paint, material, surface.slopes, lift=0.012)
    return surface


def band(canvas: Canvas, surface: Turned, top: float, bottom: float, paint: Paint) -> None:
    """Paint a level band around a turned body between two heights (0..1 of the drawing)."""
    between = (surface.down >= top * SIDE) & (surface.down <= bottom * SIDE)
    mask = type(surface.mask)(surface.mask.left, surface.mask.top, surface.mask.cover & between)
    canvas.print(mask, paint)


def mouth(
    canvas: Canvas,
    radius: float,
    y: float,
    pitch: float,
    inside: RGB,
    rim: RGB,
    material: Material,
    lip: float = 0.012,
) -> None:
    """Draw an open top: the rim, and the inside that grows darker towards the camera."""
    outer = polygon(ring(radius, y, pitch))
    canvas.add(outer, rim, material, puffed(outer, lip, 0.8))
    hole = polygon(ring(radius - lip, y, pitch))
    _, rows = hole.grid()
    depth = np.clip((rows - rows.min()) / max(float(np.ptp(rows)), 1e-6), 0, 1)
    columns, _ = hole.grid()
    slope_x = -0.8 * (columns - AXIS) / radius + 0 * rows
    canvas.add(hole, inside, material, (slope_x.astype(np.float32), 0 * slope_x))
    canvas.shade[hole.window] *= np.where(hole.cover, (0.42 + 0.4 * depth).astype(np.float32), 1)


def handle(
    canvas: Canvas,
    curve: Points,
    angle: float,
    pitch: float,
    width: float,
    paint: RGB,
    material: Material,
) -> None:
    """Draw a bent rod whose `curve` (radius, y) lies in an upright plane at `angle` radians."""
    line = placed(curve[:, 0], curve[:, 1], angle, pitch)
    mask = stroke(line, width)
    canvas.add(mask, paint, material, puffed(mask, width / 2, 1.5), lift=0.012)


def knob(
    canvas: Canvas, radius: float, y: float, pitch: float, paint: RGB, material: Material
) -> None:
    """Draw a round knob that stands on y (0..1 of the drawing)."""
    r = radius
    shape = profile(
        [
            (0.001, y - 2.0 * r),
            (0.8 * r, y - 1.7 * r),
            (r, y - r),
            (0.7 * r, y - 0.4 * r),
            (0.45 * r, y),
            (0.5 * r, y),
        ]
    )
    body(canvas, shape, pitch, paint, material)


def base_shadow(
    canvas: Canvas, surface: Turned, strength: float = 0.45, share: float = 0.16
) -> None:
    """Darken the lowest part of a body, where the table keeps light away."""
    low, high = float(surface.down.min()), float(surface.down.max())
    depth = np.clip((surface.down - (high - share * (high - low))) / (share * (high - low)), 0, 1)
    window, cover = surface.mask.window, surface.mask.cover
    canvas.shade[window] *= np.where(cover, 1 - strength * depth**2, 1).astype(np.float32)


def seam_ring(
    canvas: Canvas, radius: float, y: float, pitch: float, paint: RGB | None = None
) -> None:
    """Draw the front half of a level line around a body."""
    whole = ring(radius, y, pitch)
    front = whole[whole[:, 1] >= y * np.cos(pitch) - 1e-6]
    front = front[np.argsort(front[:, 0])]
    if paint is None:
        canvas.groove(front, 0.006, 0.45)
    else:
        canvas.print(stroke(front, 0.012), paint)


__all__ = ["added", "band", "base_shadow", "body", "darker", "handle", "knob", "mouth", "seam_ring"]
