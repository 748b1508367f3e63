"""The category Bags > Handbags."""

import numpy as np

from api.demo.canvas import Canvas, Mask, added, polygon, puffed, stroke
from api.demo.design import Category, Design, View
from api.demo.materials import MATERIALS
from api.demo.outline import ellipse, rectangle, spline, symmetric
from api.demo.palette import BRASS, darker, lighter
from api.demo.patterns import laid
from api.demo.products.bag_parts import ON_BAGS, label
from api.demo.products.cloth import creased


def draw_handbag(design: Design, view: View) -> Canvas:
    """Draw a handbag: tote, satchel, bucket or clutch, with handles and fittings."""
    canvas = Canvas()
    wide = 0.27 + 0.06 * design.knobs[0]
    top = {"tote": 0.38, "satchel": 0.42, "bucket bag": 0.40, "shoulder bag": 0.46}[design.shape]
    top -= 0.05 * design.knobs[1]
    low, shift = 0.9, 0.04 * float(np.sin(view.yaw))
    upper, lower = {
        "tote": (1.08, 0.86),
        "satchel": (0.92, 1.0),
        "bucket bag": (0.8, 0.92),
        "shoulder bag": (0.95, 1.05),
    }[design.shape]
    if design.shape == "bucket bag":
        wide *= 0.84
    _bag_handles(canvas, design, wide * upper, top, behind=True)
    sag = 0.02 if design.shape == "tote" else -0.012
    shape = spline(
        [
            (0.5, top + sag),
            (0.5 + wide * upper * 0.9, top),
            (0.5 + wide * (upper + lower) / 2 * 1.03, (top + low) / 2),
            (0.5 + wide * lower, low - 0.05),
            (0.5 + wide * lower * 0.9, low),
            (0.5, low + 0.006),
        ],
        closed=False,
    )
    hull = polygon(symmetric(shape))
    soft = 0.24 if design.shape in {"tote", "bucket bag"} else 0.1
    slopes = added(puffed(hull, 0.06, 1.0), creased(hull, design.seed, soft, 0.2))
    canvas.add(
        hull,
        laid(design.print, hull, 0.5 + shift, (top + low) / 2),
        design.surface,
        slopes,
        lift=0.012,
    )
    _bag_front(canvas, design, (wide, upper, lower), (top, low), shift)
    _bag_handles(canvas, design, wide * upper, top, behind=False)
    return canvas


def _bag_handles(canvas: Canvas, design: Design, wide: float, top: float, *, behind: bool) -> None:
    paint, leather = design.trim.rgb, MATERIALS["leather"]
    long = design.shape in {"shoulder bag", "bucket bag"}
    rise = 0.28 if long else 0.26 - 0.05 * design.knobs[2]
    spread = wide * (0.86 if long else 0.5)
    if long and not behind:
        for side in (-1, 1):
            eye = stroke(ellipse(0.5 + side * spread, top + 0.03, 0.02, 0.024), 0.011)
            canvas.add(eye, BRASS, MATERIALS["brass"], puffed(eye, 0.006), lift=0.006)
        return
    drop = 0.03 if long else 0.1
    lift = 0.03 if behind else 0.0
    line = spline(
        [
            (0.5 - spread, top + drop),
            (0.5 - spread * 0.92, top - rise * 0.5 - lift),
            (0.5, top - rise - lift),
            (0.5 + spread * 0.92, top - rise * 0.5 - lift),
            (0.5 + spread, top + drop),
        ],
        closed=False,
    )
    strap = stroke(line, 0.026)
    canvas.add(
        strap,
        darker(paint, 0.35) if behind and not long else paint,
        leather,
        puffed(strap, 0.013, 1.3),
        lift=0.0 if behind else 0.01,
    )
    if not behind:
        for side in (-1, 1):
            tab = polygon(
                rectangle(
                    0.5 + side * spread - 0.022,
                    top + 0.05,
                    0.5 + side * spread + 0.022,
                    top + 0.14,
                    0.02,
                )
            )
            canvas.add(tab, paint, leather, puffed(tab, 0.012), lift=0.008)
            rivet = polygon(ellipse(0.5 + side * spread, top + 0.12, 0.008, 0.008))
            canvas.add(rivet, BRASS, MATERIALS["brass"], puffed(rivet, 0.006))


def _bag_front(
    canvas: Canvas,
    design: Design,
    wide: tuple[float, float, float],
    span: tuple[float, float],
    shift: float,
) -> None:
    width, upper, lower = wide
    top, low = span
    trim, leather, middle = design.trim.rgb, MATERIALS["leather"], 0.5 + shift
    if design.shape in {"satchel", "shoulder bag"}:
        deep = top + (low - top) * (0.42 + 0.2 * design.knobs[3])
        edge = spline(
            [
                (0.5, top - 0.016),
                (0.5 + width * upper * 0.95, top - 0.004),
                (0.5 + width * upper * 1.0, (top + deep) / 2),
                (0.5 + width * upper * 0.75, deep - 0.01),
                (0.5, deep + 0.03),
            ],
            closed=False,
        )
        flap = polygon(symmetric(edge))
        paint = laid(design.print, flap, middle, (top + low) / 2)
        canvas.add(flap, paint, design.surface, puffed(flap, 0.035, 1.0), lift=0.02)
        canvas.stitch(
            symmetric(edge * np.array([0.955, 1]) + np.array([0.0225, -0.014])), lighter(trim, 0.3)
        )
        lock = polygon(rectangle(middle - 0.035, deep - 0.02, middle + 0.035, deep + 0.055, 0.016))
        canvas.add(lock, BRASS, MATERIALS["brass"], puffed(lock, 0.012), lift=0.008)
    elif design.shape == "bucket bag":
        cord = spline(
            [
                (0.5 - width * upper, top + 0.08),
                (0.5, top + 0.1),
                (0.5 + width * upper, top + 0.08),
            ],
            closed=False,
        )
        canvas.add(stroke(cord, 0.014), trim, leather, lift=0.006)
        for side in (-1, 1):
            tassel = stroke(
                spline(
                    [
                        (middle, top + 0.1),
                        (middle + side * 0.03, top + 0.2),
                        (middle + side * 0.035, top + 0.28),
                    ],
                    closed=False,
                ),
                0.012,
            )
            canvas.add(tassel, trim, leather, puffed(tassel, 0.006), lift=0.006)
    if design.shape in {"tote", "bucket bag"}:
        foot_y = low - 0.085
        half = width * lower * 1.06
        base = polygon(rectangle(0.5 - half, foot_y, 0.5 + half, low + 0.05)).within(
            polygon(
                symmetric(
                    spline(
                        [
                            (0.5, top),
                            (0.5 + half, top),
                            (0.5 + half, low - 0.05),
                            (0.5 + half * 0.86, low),
                            (0.5, low + 0.006),
                        ],
                        closed=False,
                    )
                )
            )
        )
        base = Mask(base.left, base.top, base.cover & canvas.cover[base.window])
        canvas.print(base, trim)
        label(canvas, middle, top + 0.2, trim, 0.04)


HANDBAGS = Category(
    "Bags",
    "Handbags",
    "HBG",
    {
        "tote": "tote bag",
        "satchel": "satchel",
        "bucket bag": "bucket bag",
        "shoulder bag": "shoulder bag",
    },
    ("leather", "canvas", "suede"),
    (*ON_BAGS, "sun print", "sailboat print", "heart print", "fish print", "cherry all-over"),
    (24.9, 189.0),
    draw_handbag,
)
