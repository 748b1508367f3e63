"""The category Bags > Backpacks."""

import numpy as np

from api.demo.canvas import Canvas, added, polygon, puffed, stroke
from api.demo.design import Category, Design, View
from api.demo.materials import MATERIALS
from api.demo.outline import Points, ellipse, rectangle, spline, symmetric
from api.demo.palette import BRASS, RGB, STEEL, darker, lighter, mix
from api.demo.patterns import laid
from api.demo.products.bag_parts import ON_BAGS, label
from api.demo.products.cloth import creased

_METAL = MATERIALS["steel"]


_NYLON = MATERIALS["nylon"]


def _zip(canvas: Canvas, line: Points, tape: RGB, puller: RGB, at: float = 0.75) -> None:
    canvas.add(stroke(line, 0.014), darker(tape, 0.45), _NYLON)
    canvas.stitch(line, STEEL, 0.006)
    x, y = line[int(at * (len(line) - 1))]
    pull = polygon(rectangle(x - 0.008, y, x + 0.008, y + 0.04, 0.006))
    canvas.add(pull, puller, MATERIALS["plastic"], lift=0.008)


def draw_backpack(design: Design, view: View) -> Canvas:
    """Draw a backpack from the front: body, lid or zip, front pocket, straps, handle."""
    canvas, kind = Canvas(), design.surface
    half, top = 0.25 + 0.05 * design.knobs[0], 0.15 + 0.04 * design.knobs[1]
    low, shift = 0.93, 0.05 * float(np.sin(view.yaw))
    trim = design.trim.rgb
    for side in (-1, 1):
        x = 0.5 + side * half
        strap = spline(
            [
                (0.5 + side * 0.1, top + 0.03),
                (x + side * 0.02, top + 0.16),
                (x + side * 0.05, 0.6),
                (x - side * 0.02, 0.86),
            ],
            closed=False,
        )
        web = stroke(strap, 0.05)
        canvas.add(web, darker(trim, 0.15), _NYLON, puffed(web, 0.02))
    loop = ellipse(0.5, top + 0.015, 0.075, 0.075, 180, 360)
    grip = stroke(loop, 0.026)
    canvas.add(grip, trim, _NYLON, puffed(grip, 0.012, 1.2))
    round_top = 0.16 if design.shape == "daypack" else 0.07
    shape = spline(
        [
            (0.5, top),
            (0.5 + half * 0.62, top + 0.01),
            (0.5 + half * 0.95, top + round_top),
            (0.5 + half * 1.02, 0.55),
            (0.5 + half * 1.04, 0.84),
            (0.5 + half * 0.86, low),
            (0.5, low + 0.012),
        ],
        closed=False,
    )
    hull = polygon(symmetric(shape))
    for side in (-1, 1):
        x = 0.5 + side * (half * 1.02)
        pocket = polygon(rectangle(x - 0.05, 0.62, x + 0.05, 0.9, 0.04))
        canvas.add(pocket, darker(design.colour.rgb, 0.3), MATERIALS["mesh"], puffed(pocket, 0.03))
    body_slopes = added(puffed(hull, 0.075, 1.0), creased(hull, design.seed, 0.10, 0.16))
    canvas.add(hull, laid(design.print, hull, 0.5 + shift, 0.5), kind, body_slopes, lift=0.015)
    _front(canvas, design, half, top, shift)
    return canvas


def _front(canvas: Canvas, design: Design, half: float, top: float, shift: float) -> None:
    kind, own, trim = design.surface, design.colour.rgb, design.trim.rgb
    middle = 0.5 + shift
    pocket_wide = half * (0.74 + 0.1 * design.knobs[2])
    pocket = polygon(rectangle(middle - pocket_wide, 0.6, middle + pocket_wide, 0.885, 0.06))
    second = design.knobs[3] > 0.45
    paint = laid(design.print, pocket, middle, 0.5) if not second else mix(own, trim, 0.85)
    canvas.add(
        pocket,
        paint,
        kind,
        added(puffed(pocket, 0.04, 1.0), creased(pocket, design.seed + 1, 0.07, 0.12)),
        lift=0.018,
    )
    arch = spline(
        [
            (middle - pocket_wide * 0.9, 0.68),
            (middle - pocket_wide * 0.5, 0.648),
            (middle + pocket_wide * 0.5, 0.648),
            (middle + pocket_wide * 0.9, 0.68),
        ],
        closed=False,
    )
    _zip(canvas, arch, own, trim, 0.8)
    if design.shape == "daypack":
        arc = spline(
            [
                (middle - half * 0.84, 0.52),
                (middle - half * 0.8, top + 0.14),
                (middle, top + 0.06),
                (middle + half * 0.8, top + 0.14),
                (middle + half * 0.84, 0.52),
            ],
            closed=False,
        )
        _zip(canvas, arc, own, trim, 0.3)
        label(canvas, middle, 0.56, trim if not second else darker(own, 0.35))
        return
    flap_low = 0.44 if design.shape == "rucksack" else 0.34
    edge = spline(
        [
            (0.5, top - 0.012),
            (0.5 + half * 0.7, top),
            (0.5 + half * 1.0, top + 0.07),
            (0.5 + half * 0.98, flap_low - 0.03),
            (0.5 + half * 0.7, flap_low + 0.02),
            (0.5, flap_low + 0.03),
        ],
        closed=False,
    )
    flap = polygon(symmetric(edge))
    canvas.add(
        flap, laid(design.print, flap, middle, 0.5), kind, puffed(flap, 0.05, 1.0), lift=0.02
    )
    canvas.stitch(
        symmetric(edge * np.array([0.95, 1]) + np.array([0.025, -0.014])), lighter(own, 0.4)
    )
    for x in (
        (middle - half * 0.45, middle + half * 0.45) if design.shape == "rucksack" else (middle,)
    ):
        web = polygon(rectangle(x - 0.02, top + 0.1, x + 0.02, 0.6, 0.01))
        canvas.add(
            web,
            mix(trim, (0.3, 0.2, 0.12), 0.3),
            MATERIALS["leather"],
            puffed(web, 0.012),
            lift=0.01,
        )
        buckle = stroke(
            rectangle(x - 0.03, flap_low + 0.05, x + 0.03, flap_low + 0.1, 0.008), 0.011
        )
        canvas.add(buckle, BRASS, MATERIALS["brass"], puffed(buckle, 0.006, 1.2), lift=0.006)


BACKPACKS = Category(
    "Bags",
    "Backpacks",
    "BPK",
    {"daypack": "daypack", "rucksack": "buckled rucksack", "flap": "flap backpack"},
    ("canvas", "nylon", "leather"),
    ON_BAGS,
    (29.9, 119.0),
    draw_backpack,
    size=1.05,
)
