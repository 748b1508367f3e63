"""The category Fashion > Caps."""

from dataclasses import replace

import numpy as np

from api.demo.canvas import Canvas, added, polygon, puffed, stroke
from api.demo.design import Category, Design, View
from api.demo.materials import MATERIALS
from api.demo.outline import ellipse, path, rectangle, spline, xy
from api.demo.palette import RGB, darker, lighter, mix
from api.demo.patterns import laid
from api.demo.products.cloth import creased, ribbed


def draw_cap(design: Design, view: View) -> Canvas:
    """Draw headwear: a peaked cap, a bucket hat or a beanie."""
    del view
    canvas = Canvas()
    if design.shape in {"beanie", "bobble"}:
        _beanie(canvas, design)
    elif design.shape == "bucket":
        _bucket_hat(canvas, design)
    else:
        _peaked(canvas, design)
    return canvas


def _peaked(canvas: Canvas, design: Design) -> None:
    own, trim, kind = design.colour.rgb, design.trim.rgb, design.surface
    flat = design.shape == "snapback"
    high = 0.24 - (0.02 if flat else 0.0)
    line = [
        (0.13, 0.66),
        (0.14, 0.46),
        (0.24, 0.3),
        (0.42, high),
        (0.58, 0.3),
        (0.66, 0.44),
        (0.68, 0.64),
        (0.4, 0.69),
    ]
    dome = polygon(spline(line))
    canvas.add(
        dome,
        laid(design.print, dome, 0.44, 0.46, scale=0.85),
        kind,
        added(puffed(dome, 0.14, 1.25), creased(dome, design.seed, 0.06, 0.1)),
    )
    front = polygon(spline(xy("0.4,0.24 0.56,0.28 0.69,0.44 0.69,0.68 0.44,0.7 0.42,0.45"))).within(
        dome
    )
    if design.knobs[3] > 0.55 and not design.pattern.endswith(" print"):
        canvas.print(front, lighter(trim, 0.05))
    for seam in (
        [(0.41, 0.25), (0.45, 0.42), (0.45, 0.69)],
        [(0.41, 0.25), (0.27, 0.4), (0.24, 0.67)],
        [(0.41, 0.25), (0.6, 0.38), (0.66, 0.6)],
    ):
        curve = spline(seam, closed=False)
        canvas.groove(curve, 0.006, 0.35)
        canvas.stitch(curve + np.array([0.012, 0.0]), lighter(own, 0.3), 0.004)
    for x, y in ((0.33, 0.37), (0.53, 0.38)):
        canvas.print(polygon(ellipse(x, y, 0.009, 0.009)), darker(own, 0.6))
    button = polygon(ellipse(0.41, 0.245, 0.028, 0.018))
    canvas.add(button, trim, kind, puffed(button, 0.014, 1.3), lift=0.006)
    end = 0.95 + 0.02 * design.knobs[0]
    drop = 0.0 if flat else 0.05 + 0.03 * design.knobs[1]
    peak = polygon(
        spline(
            [
                (0.4, 0.66),
                (0.54, 0.6),
                (0.7, 0.58),
                (0.86, 0.615 + drop * 0.5),
                (end, 0.68 + drop),
                (0.88, 0.715 + drop),
                (0.7, 0.695),
                (0.52, 0.71),
            ]
        )
    )
    canvas.add(
        peak, trim if design.knobs[2] > 0.4 else own, kind, puffed(peak, 0.035, 1.0), lift=0.015
    )
    for inset in (0.02, 0.04):
        canvas.stitch(
            spline(
                [(0.56, 0.69 - inset), (0.72, 0.672 - inset), (0.88, 0.69 + drop - inset)],
                closed=False,
            ),
            lighter(own, 0.45),
            0.004,
        )
    if design.pattern == "plain":
        _badge(canvas, design, 0.565, 0.5)


def _badge(canvas: Canvas, design: Design, x: float, y: float) -> None:
    paint = design.accent.rgb
    if design.seed % 2:
        patch = polygon(rectangle(x - 0.075, y - 0.055, x + 0.075, y + 0.055, 0.02))
    else:
        patch = polygon(ellipse(x, y, 0.072, 0.072))
    canvas.add(patch, paint, MATERIALS["wool"], puffed(patch, 0.01), lift=0.008)
    canvas.stitch(ellipse(x, y, 0.05, 0.04), lighter(paint, 0.6), 0.007)
    canvas.print(
        stroke(path((x - 0.028, y + 0.02), (x, y - 0.024), (x + 0.028, y + 0.02)), 0.014),
        lighter(design.colour.rgb, 0.7),
    )


def _bucket_hat(canvas: Canvas, design: Design) -> None:
    own, kind = design.colour.rgb, design.surface
    brim = polygon(
        spline(xy("0.1,0.7 0.22,0.53 0.5,0.47 0.78,0.53 0.9,0.7 0.7,0.775 0.5,0.79 0.3,0.775"))
    )
    canvas.add(
        brim,
        laid(design.print, brim, 0.5, 0.5),
        kind,
        added(puffed(brim, 0.06, 1.1), creased(brim, design.seed, 0.1, 0.1)),
    )
    for number in range(3):
        grow = number * 0.028
        canvas.stitch(
            ellipse(0.5, 0.6, 0.33 + grow, 0.13 + grow, 10, 170), lighter(own, 0.35), 0.004
        )
    crown = polygon(
        spline(xy("0.22,0.6 0.26,0.4 0.32,0.27 0.5,0.235 0.68,0.27 0.74,0.4 0.78,0.6 0.5,0.665"))
    )
    canvas.add(
        crown,
        laid(design.print, crown, 0.5, 0.46),
        kind,
        added(puffed(crown, 0.1, 1.2), creased(crown, design.seed + 2, 0.1, 0.1)),
        lift=0.02,
    )
    canvas.groove(ellipse(0.5, 0.285, 0.19, 0.045, 0, 180), 0.006, 0.3)
    ribbon = stroke(
        spline([(0.222, 0.585), (0.5, 0.645), (0.778, 0.585)], closed=False), 0.04
    ).within(crown)
    if design.knobs[2] > 0.4:
        canvas.add(ribbon, design.trim.rgb, kind, puffed(ribbon, 0.012, 0.6))
    for x in (0.36, 0.4):
        canvas.print(polygon(ellipse(x, 0.46, 0.01, 0.01)), darker(own, 0.6))


def _beanie(canvas: Canvas, design: Design) -> None:
    own, trim, wool = design.colour.rgb, design.trim.rgb, MATERIALS["wool"]
    if design.shape == "bobble":
        ball = polygon(ellipse(0.5, 0.185, 0.105, 0.1))
        canvas.add(ball, trim, MATERIALS["plush"], puffed(ball, 0.07, 1.3))
    crown = polygon(
        spline(xy("0.2,0.68 0.21,0.48 0.3,0.31 0.5,0.235 0.7,0.31 0.79,0.48 0.8,0.68 0.5,0.72"))
    )
    knit = added(puffed(crown, 0.12, 1.2), ribbed(crown, 30, 0.35))
    canvas.add(crown, laid(design.print, crown, 0.5, 0.46), wool, knit)
    cuff = polygon(spline(xy("0.175,0.62 0.5,0.67 0.825,0.62 0.835,0.78 0.5,0.835 0.165,0.78")))
    paint: RGB = trim if design.knobs[2] > 0.4 else darker(own, 0.08)
    canvas.add(
        cuff, paint, wool, added(puffed(cuff, 0.035, 1.1), ribbed(cuff, 30, 0.45)), lift=0.018
    )
    if design.knobs[3] > 0.5:
        tag = polygon(rectangle(0.58, 0.7, 0.68, 0.765, 0.006))
        canvas.add(
            tag,
            mix(_HIDE, design.accent.rgb, 0.5),
            MATERIALS["leather"],
            puffed(tag, 0.01),
            lift=0.008,
        )
        canvas.stitch(rectangle(0.588, 0.707, 0.672, 0.758), (0.9, 0.88, 0.8), 0.004)


_HIDE: RGB = (0.45, 0.3, 0.18)


def _settle_cap(design: Design) -> Design:
    """Beanies are knitted, of wool whatever else was chosen."""
    knitted = design.shape in {"beanie", "bobble"}
    return replace(design, material="wool") if knitted else design


CAPS = Category(
    "Fashion", "Caps", "CAP",
    {"peaked": "cap", "snapback": "snapback cap", "bucket": "bucket hat", "beanie": "beanie",
        "bobble": "bobble beanie"},
    ("cotton", "canvas", "wool"),
    ("plain", "stripes", "breton", "checks", "tartan", "dots", "camouflage", "diagonal",
        "waves", "split", "sprigs", "star all-over", "leaf all-over", "cherry all-over",
        "lightning all-over", "moon all-over", "chevron", "bands"),
    (14.9, 39.9), draw_cap, both_ways=True, size=0.85,
    settle=_settle_cap,
)  # fmt: skip
