"""The category Bags > Suitcases."""

import numpy as np

from api.demo.canvas import Canvas, Mask, Slopes, added, polygon, puffed, rounded_rows, stroke
from api.demo.design import Category, Design, View
from api.demo.materials import MATERIALS
from api.demo.outline import ellipse, mirrored, path, rectangle, spline
from api.demo.palette import BRASS, RUBBER, STEEL, darker, mix
from api.demo.patterns import laid
from api.demo.products.bag_parts import ON_BAGS, label

_METAL = MATERIALS["steel"]


_LINES = {"upright": (0.235, 0.25), "cabin": (0.22, 0.36), "trunk": (0.30, 0.30)}


def draw_suitcase(design: Design, view: View) -> Canvas:
    """Draw a suitcase: shell with ribs, wheels, handle, lock, corner guards."""
    canvas, kind = Canvas(), design.surface
    half, top = _LINES[design.shape]
    half, top = half * (0.94 + 0.16 * design.knobs[0]), top + 0.05 * design.knobs[1]
    low, trim, own = 0.89, design.trim.rgb, design.colour.rgb
    shift = 0.03 * float(np.sin(view.yaw))
    if design.shape == "trunk":
        grip = stroke(
            spline(
                [
                    (0.4, top),
                    (0.41, top - 0.07),
                    (0.5, top - 0.085),
                    (0.59, top - 0.07),
                    (0.6, top),
                ],
                closed=False,
            ),
            0.03,
        )
        canvas.add(grip, trim, MATERIALS["leather"], puffed(grip, 0.015, 1.3))
    else:
        for side in (-1, 1):
            rod = polygon(
                rectangle(
                    0.5 + side * 0.09 - 0.009, top - 0.17, 0.5 + side * 0.09 + 0.009, top + 0.02
                )
            )
            canvas.add(rod, STEEL, _METAL, rounded_rows(rod))
        grip = polygon(rectangle(0.385, top - 0.195, 0.615, top - 0.155, 0.018))
        canvas.add(grip, RUBBER, MATERIALS["plastic"], puffed(grip, 0.018, 1.2))
    for x in (0.5 - half * 0.78, 0.5 + half * 0.78) if design.shape != "trunk" else ():
        fork = polygon(rectangle(x - 0.024, low - 0.01, x + 0.024, low + 0.03, 0.01))
        wheel = polygon(ellipse(x, low + 0.036, 0.026, 0.03))
        canvas.add(fork, darker(trim, 0.4), MATERIALS["plastic"])
        canvas.add(wheel, RUBBER, MATERIALS["rubber"], puffed(wheel, 0.02))
    corner = 0.03 if design.shape == "trunk" else 0.06
    hull = polygon(rectangle(0.5 - half, top, 0.5 + half, low, corner))
    slopes = puffed(hull, 0.045, 1.1)
    if design.shape != "trunk":
        slopes = added(slopes, _ribs(hull, design))
    canvas.add(
        hull, laid(design.print, hull, 0.5 + shift, (top + low) / 2), kind, slopes, lift=0.012
    )
    canvas.groove(
        rectangle(0.5 - half + 0.016, top + 0.016, 0.5 + half - 0.016, low - 0.016, corner),
        0.007,
        0.35,
    )
    _fittings(canvas, design, (half, top, low), shift)
    if design.shape != "trunk":
        label(canvas, 0.5 + shift, top + 0.1, mix(own, (0.1, 0.1, 0.1), 0.6), 0.03)
    return canvas


def _ribs(hull: Mask, design: Design) -> Slopes:
    x, y = hull.grid()
    count = 18 + 16 * design.knobs[2]
    upright = design.knobs[3] > 0.35
    wave = np.sin((x if upright else y) * np.float32(2 * np.pi * count)) * np.float32(0.26)
    flat = np.zeros(hull.cover.shape, np.float32)
    return (flat + wave, flat) if upright else (flat, flat + wave)


def _fittings(
    canvas: Canvas, design: Design, shell: tuple[float, float, float], shift: float
) -> None:
    half, top, low = shell
    trim, leather = design.trim.rgb, MATERIALS["leather"]
    if design.shape == "trunk":
        for x in (0.5 - half * 0.55, 0.5 + half * 0.55):
            belt = polygon(rectangle(x - 0.024 + shift, top, x + 0.024 + shift, low))
            canvas.add(belt, trim, leather, puffed(belt, 0.012), lift=0.01)
            buckle = stroke(
                rectangle(x - 0.034 + shift, top + 0.12, x + 0.034 + shift, top + 0.19, 0.01), 0.012
            )
            canvas.add(buckle, BRASS, MATERIALS["brass"], puffed(buckle, 0.006), lift=0.006)
        tip = polygon(path((0.5 - half, top), (0.5 - half + 0.09, top), (0.5 - half, top + 0.09)))
        for guard in (
            tip,
            polygon(
                mirrored(
                    path((0.5 - half, top), (0.5 - half + 0.09, top), (0.5 - half, top + 0.09))
                )
            ),
        ):
            canvas.print(
                Mask(guard.left, guard.top, guard.cover & canvas.cover[guard.window]), trim
            )
        return
    lock = polygon(
        rectangle(
            0.5 + half - 0.05,
            (top + low) / 2 - 0.05,
            0.5 + half - 0.012,
            (top + low) / 2 + 0.05,
            0.01,
        )
    )
    canvas.add(lock, darker(trim, 0.2), MATERIALS["plastic"], puffed(lock, 0.012), lift=0.006)
    side = polygon(
        rectangle(
            0.5 - half - 0.012,
            (top + low) / 2 - 0.07,
            0.5 - half + 0.016,
            (top + low) / 2 + 0.07,
            0.012,
        )
    )
    canvas.add(side, trim, MATERIALS["plastic"], puffed(side, 0.012), lift=0.006)


SUITCASES = Category(
    "Bags",
    "Suitcases",
    "SUI",
    {"upright": "suitcase", "cabin": "cabin suitcase", "trunk": "travel trunk"},
    ("polycarbonate", "leather", "nylon"),
    (*ON_BAGS, "marble", "ombre", "mountain print", "rocket print", "sun print"),
    (59.0, 249.0),
    draw_suitcase,
    size=1.1,
)
