"""The category Fashion > Sneakers."""

import numpy as np

from api.demo.canvas import Canvas, Mask, added, polygon, puffed, stroke
from api.demo.design import Category, Design, View
from api.demo.materials import MATERIALS
from api.demo.outline import Points, ellipse, path, spline
from api.demo.palette import RGB, darker, lighter, mix
from api.demo.patterns import laid
from api.demo.products.cloth import creased, ribbed

_COTTON = MATERIALS["cotton"]


_SOLES = {"low-top": 0.06, "high-top": 0.06, "runner": 0.09, "slip-on": 0.065}


def draw_sneaker(design: Design, view: View) -> Canvas:
    """Draw a sneaker from its outer side: sole, upper, toe cap, laces, stripe, heel tab."""
    canvas, own, kind = Canvas(), design.colour.rgb, design.surface
    high = design.shape == "high-top"
    ankle = 0.24 if high else 0.41
    ground, thick = 0.80, _SOLES[design.shape] * (0.85 + 0.4 * design.knobs[1])
    seat = ground - thick
    toe = 0.52 + 0.03 * design.knobs[0]
    inner = polygon(
        spline(
            [
                (0.13, ankle + 0.02),
                (0.24, ankle - 0.03),
                (0.36, ankle),
                (0.34, ankle + 0.09),
                (0.16, ankle + 0.09),
            ]
        )
    )
    canvas.add(inner, darker(mix(own, design.trim.rgb, 0.5), 0.5), _COTTON)
    if design.shape != "slip-on":
        top = ankle - (0.05 if high else 0.025)
        tongue = polygon(
            spline([(0.31, top + 0.01), (0.37, top), (0.41, top + 0.03), (0.52, toe), (0.4, toe)])
        )
        canvas.add(tongue, mix(own, design.trim.rgb, 0.6), kind, puffed(tongue, 0.025))
    upper = polygon(
        spline([*_outline_of_heel(ankle, seat), *_outline_of_toe(ankle, toe), (0.5, seat + 0.03)])
    )
    slopes = added(puffed(upper, 0.075, 1.1), creased(upper, design.seed, 0.06, 0.08))
    canvas.add(
        upper,
        laid(design.print, upper, 0.42, (toe + seat) / 2 - 0.02, scale=0.75),
        kind,
        slopes,
        lift=0.012,
    )
    _overlays(canvas, design, upper, (ankle, toe, seat))
    _sole(canvas, design, seat, ground)
    del view
    return canvas


def _outline_of_heel(ankle: float, seat: float) -> list[tuple[float, float]]:
    padded = [(0.112, ankle - 0.006), (0.2, ankle + 0.05), (0.31, ankle + 0.04)]
    return [(0.09, seat), (0.072, seat - 0.08), (0.092, ankle + 0.06), *padded]


def _outline_of_toe(ankle: float, toe: float) -> list[tuple[float, float]]:
    instep = [(0.39, ankle + 0.02), (0.49, toe - 0.05), (0.6, toe + 0.02)]
    return [*instep, (0.74, toe + 0.035), (0.86, toe + 0.05), (0.935, toe + 0.115), (0.94, 0.77)]


def _piece(canvas: Canvas, outline: Points, upper: Mask, paint: RGB, design: Design) -> None:
    mask = polygon(outline).within(upper)
    canvas.print(mask, paint)
    canvas.groove(outline[(outline[:, 1] > 0)], 0.005, 0.0)
    edge = stroke(np.concatenate([outline, outline[:1]]), 0.006).within(upper)
    canvas.shade[edge.window] *= np.where(edge.cover, np.float32(0.6), np.float32(1))
    canvas.stitch(outline * 0.97 + 0.03 * outline.mean(axis=0), lighter(paint, 0.35), 0.004)
    del design


def _overlays(
    canvas: Canvas, design: Design, upper: Mask, lines: tuple[float, float, float]
) -> None:
    ankle, toe, seat = lines
    trim, accent = design.trim.rgb, design.accent.rgb
    plain = design.pattern == "plain"
    if design.knobs[2] > 0.35 or plain:
        _piece(
            canvas,
            spline(
                [
                    (0.05, ankle + 0.1),
                    (0.155, ankle + 0.12),
                    (0.2, seat - 0.06),
                    (0.24, seat + 0.02),
                    (0.05, seat + 0.03),
                ]
            ),
            upper,
            trim,
            design,
        )
    if design.knobs[3] > 0.4:
        _piece(
            canvas,
            spline(
                [
                    (0.74, toe + 0.02),
                    (0.76, seat - 0.03),
                    (0.72, seat + 0.03),
                    (0.96, seat + 0.03),
                    (0.96, toe + 0.08),
                ]
            ),
            upper,
            trim if design.knobs[3] > 0.7 else lighter(design.colour.rgb, 0.45),
            design,
        )
    if plain and design.shape != "slip-on":
        _stripe(canvas, design, upper, lines, accent)
    if design.shape == "slip-on":
        gore = polygon(
            path((0.27, ankle), (0.35, ankle), (0.4, ankle + 0.14), (0.34, ankle + 0.15))
        ).within(upper)
        canvas.add(gore, darker(trim, 0.3), _COTTON, ribbed(gore, 60, 0.3))
    else:
        _laces(canvas, design, ankle, toe)
    if design.shape == "high-top":
        badge = polygon(ellipse(0.2, ankle + 0.13, 0.045, 0.045))
        canvas.add(
            badge, lighter(accent, 0.1), MATERIALS["rubber"], puffed(badge, 0.01), lift=0.005
        )
        canvas.print(
            polygon(ellipse(0.2, ankle + 0.13, 0.03, 0.03)), lighter(design.colour.rgb, 0.7)
        )
    collar = stroke(
        spline([(0.115, ankle + 0.005), (0.2, ankle + 0.045), (0.31, ankle + 0.037)], closed=False),
        0.024,
    )
    canvas.add(
        collar, mix(trim, design.colour.rgb, 0.3), _COTTON, puffed(collar, 0.012, 1.2), lift=0.006
    )


def _stripe(
    canvas: Canvas, design: Design, upper: Mask, lines: tuple[float, float, float], paint: RGB
) -> None:
    ankle, toe, seat = lines
    choice = design.seed % 3
    if choice == 0:
        for x in (0.3, 0.37, 0.44):
            bar = polygon(
                path((x, seat), (x + 0.03, seat), (x + 0.1, ankle + 0.13), (x + 0.07, ankle + 0.12))
            ).within(upper)
            canvas.print(bar, paint)
    elif choice == 1:
        wave = spline(
            [
                (0.2, toe + 0.02),
                (0.3, seat - 0.06),
                (0.5, seat - 0.11),
                (0.66, toe + 0.03),
                (0.52, seat - 0.03),
                (0.34, seat - 0.005),
            ]
        )
        canvas.print(polygon(wave).within(upper), paint)
    else:
        zig = path(
            (0.24, seat),
            (0.42, toe - 0.02),
            (0.45, seat - 0.05),
            (0.6, toe + 0.01),
            (0.57, toe + 0.07),
            (0.47, seat),
            (0.43, seat),
            (0.4, toe + 0.06),
            (0.31, seat),
        )
        canvas.print(polygon(zig).within(upper), paint)


def _laces(canvas: Canvas, design: Design, ankle: float, toe: float) -> None:
    paint = lighter(design.accent.rgb, 0.15) if design.knobs[0] > 0.6 else (0.95, 0.95, 0.93)
    count = 7 if design.shape == "high-top" else 5
    for step in np.linspace(0, 1, count):
        x, y = 0.375 + 0.155 * step, ankle + 0.035 + (toe - 0.02 - ankle) * step
        lace = stroke(path((x + 0.025, y - 0.03), (x - 0.035, y + 0.035)), 0.017)
        canvas.add(lace, paint, _COTTON, puffed(lace, 0.008, 1.2), lift=0.006)
        eye = polygon(ellipse(x - 0.038, y + 0.038, 0.008, 0.008))
        canvas.add(eye, (0.25, 0.25, 0.27), MATERIALS["steel"])
    knot_x, knot_y = 0.385, ankle + 0.02
    for dx, dy in ((-0.07, 0.06), (0.04, 0.075)):
        loop = stroke(
            spline(
                [
                    (knot_x, knot_y),
                    (knot_x + dx, knot_y + dy * 0.4),
                    (knot_x + dx * 0.9, knot_y + dy),
                    (knot_x, knot_y),
                ],
                closed=False,
            ),
            0.011,
        )
        canvas.add(loop, paint, _COTTON, puffed(loop, 0.006), lift=0.004)


def _sole(canvas: Canvas, design: Design, seat: float, ground: float) -> None:
    rubber = MATERIALS["rubber"]
    white = design.knobs[2] < 0.6
    paint: RGB = (0.93, 0.93, 0.9) if white else lighter(design.trim.rgb, 0.1)
    if design.shape == "runner":
        edge = spline(
            [
                (0.055, seat - 0.02),
                (0.3, seat + 0.015),
                (0.6, seat + 0.03),
                (0.9, seat + 0.0),
                (0.97, seat - 0.01),
                (0.95, ground - 0.03),
                (0.85, ground),
                (0.12, ground),
                (0.04, ground - 0.05),
            ]
        )
    else:
        edge = np.concatenate(
            [
                path((0.07, seat)),
                spline(
                    [(0.07, seat), (0.4, seat + 0.012), (0.8, seat + 0.008), (0.945, seat - 0.015)],
                    closed=False,
                ),
                path(
                    (0.955, ground - 0.025), (0.93, ground), (0.09, ground), (0.065, ground - 0.02)
                ),
            ]
        )
    sole = polygon(edge)
    canvas.add(sole, paint, rubber, puffed(sole, 0.022, 1.0), lift=0.012)
    tread = polygon(
        path(
            (0.08, ground - 0.016),
            (0.94, ground - 0.016),
            (0.93, ground + 0.006),
            (0.09, ground + 0.006),
        )
    ).within(sole)
    canvas.print(tread, (0.3, 0.24, 0.18) if design.seed % 2 else darker(paint, 0.5))
    if design.shape != "runner":
        line = path((0.07, seat + 0.024), (0.95, seat + 0.02))
        canvas.print(stroke(line, 0.008).within(sole), design.accent.rgb)
    else:
        wedge = polygon(
            path((0.06, seat + 0.025), (0.42, seat + 0.05), (0.06, seat + 0.06))
        ).within(sole)
        canvas.print(wedge, design.accent.rgb)


SNEAKERS = Category(
    "Fashion", "Sneakers", "SNK",
    {"low-top": "low-top sneaker", "high-top": "high-top sneaker", "runner": "running shoe",
        "slip-on": "slip-on shoe"},
    ("canvas", "leather", "suede", "mesh"),
    ("plain", "checks", "stripes", "dots", "camouflage", "waves", "chevron", "diagonal",
        "tartan", "sprigs", "leaf all-over", "star all-over", "split", "terrazzo", "triangles",
        "cherry all-over"),
    (39.9, 149.0), draw_sneaker, both_ways=True,
)  # fmt: skip
