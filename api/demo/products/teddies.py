"""The category Toys > Teddy bears."""

from dataclasses import replace

from api.demo.canvas import Canvas, added, polygon, puffed, stroke
from api.demo.design import Category, Design, View
from api.demo.materials import MATERIALS
from api.demo.outline import ellipse, path, spline, turned
from api.demo.palette import RGB, darker, mix
from api.demo.patterns import Pattern, laid, word
from api.demo.products.cloth import creased, ribbed

_GLASS, _PLASTIC, _PLUSH = MATERIALS["glass"], MATERIALS["plastic"], MATERIALS["plush"]


def draw_teddy(design: Design, view: View) -> Canvas:
    """Draw a sitting teddy bear (or rabbit, or panda-eared bear) with jumper, scarf or bow."""
    del view
    canvas, own, kind = Canvas(), design.colour.rgb, design.surface
    pale = mix(own, (1.0, 0.95, 0.85), 0.55)
    rabbit = design.shape == "rabbit"
    head_x, head_y, r = 0.5, 0.34 if rabbit else 0.3, 0.17 + 0.02 * design.knobs[0]
    fat = 0.19 + 0.04 * design.knobs[1]
    ears = [
        (side, x) for side in (-1, 1) for x in (head_x + side * r * (0.42 if rabbit else 0.78),)
    ]
    for side, x in ears:
        size = (0.05, 0.125) if rabbit else (0.068, 0.068)
        y = head_y - r * (1.02 if rabbit else 0.78)
        _soft(canvas, [(x, y, *size)], own, design, tilt=side * (8.0 if rabbit else 0.0))
        inner = polygon(ellipse(x, y + 0.01, size[0] * 0.58, size[1] * 0.62))
        canvas.print(inner, pale)
    dressed = _dressed(design)
    wear = replace(design.on(design.trim.rgb), second=design.colour.rgb)
    torso = polygon(
        spline(
            [
                (0.5, 0.42),
                (0.5 + fat * 0.72, 0.46),
                (0.5 + fat * 1.05, 0.68),
                (0.5 + fat * 0.75, 0.87),
                (0.5, 0.9),
                (0.5 - fat * 0.75, 0.87),
                (0.5 - fat * 1.05, 0.68),
                (0.5 - fat * 0.72, 0.46),
            ]
        )
    )
    if dressed:
        knit = added(
            puffed(torso, 0.09, 1.2),
            ribbed(torso, 44, 0.12),
            creased(torso, design.seed, 0.06, 0.1),
        )
        canvas.add(torso, laid(wear, torso, 0.5, 0.66), MATERIALS["wool"], knit, lift=0.012)
    else:
        canvas.add(torso, own, kind, puffed(torso, 0.09, 1.2), lift=0.012)
        belly = polygon(ellipse(0.5, 0.7, fat * 0.62, 0.14))
        canvas.add(belly, pale, kind, puffed(belly, 0.05, 0.8))
    _limbs(canvas, design, fat, pale, wear if dressed else None)
    head = polygon(ellipse(head_x, head_y, r * 1.06, r * 0.96))
    canvas.add(head, own, kind, puffed(head, 0.1, 1.3), lift=0.018)
    _face(
        canvas,
        (head_x, head_y, r),
        pale,
        panda=design.shape == "panda",
        own=own,
        kind_name=design.material,
    )
    _neckwear(canvas, design, head_y + r * 0.95)
    return canvas


def _soft(
    canvas: Canvas,
    parts: list[tuple[float, float, float, float]],
    paint: RGB,
    design: Design,
    tilt: float = 0.0,
) -> None:
    for x, y, rx, ry in parts:
        mask = polygon(turned(ellipse(x, y, rx, ry), tilt, x, y))
        canvas.add(mask, paint, design.surface, puffed(mask, min(rx, ry) * 0.7, 1.3), lift=0.014)


def _limbs(canvas: Canvas, design: Design, fat: float, pale: RGB, wear: Pattern | None) -> None:
    own = design.colour.rgb
    for side in (-1, 1):
        leg_x = 0.5 + side * (fat * 0.95)
        _soft(canvas, [(leg_x, 0.86, 0.1, 0.085)], own, design, tilt=side * 20.0)
        pad = polygon(ellipse(leg_x + side * 0.02, 0.862, 0.058, 0.06))
        canvas.add(pad, pale, MATERIALS["suede"], puffed(pad, 0.03, 0.8))
        line = spline(
            [
                (0.5 + side * fat * 0.72, 0.5),
                (0.5 + side * fat * 1.15, 0.6),
                (0.5 + side * fat * 1.2, 0.72),
            ],
            closed=False,
        )
        arm = stroke(line, 0.115)
        if wear is not None:
            canvas.add(
                arm,
                design.trim.rgb,
                MATERIALS["wool"],
                added(puffed(arm, 0.05, 1.3), ribbed(arm, 44, 0.12)),
                lift=0.014,
            )
        else:
            canvas.add(arm, own, design.surface, puffed(arm, 0.05, 1.3), lift=0.014)
        _soft(canvas, [(0.5 + side * fat * 1.2, 0.745, 0.06, 0.058)], own, design)


def _face(
    canvas: Canvas,
    place: tuple[float, float, float],
    pale: RGB,
    *,
    panda: bool,
    own: RGB,
    kind_name: str,
) -> None:
    x, y, r = place
    kind = MATERIALS[kind_name]
    snout = polygon(ellipse(x, y + r * 0.36, r * 0.5, r * 0.4))
    if panda:
        for side in (-1, 1):
            patch = polygon(ellipse(x + side * r * 0.42, y - r * 0.06, r * 0.25, r * 0.28))
            canvas.print(patch, darker(own, 0.65))
    canvas.add(snout, pale, kind, puffed(snout, 0.04, 1.2), lift=0.006)
    nose = polygon(
        spline(
            [
                (x - r * 0.17, y + r * 0.16),
                (x, y + r * 0.12),
                (x + r * 0.17, y + r * 0.16),
                (x, y + r * 0.36),
            ]
        )
    )
    canvas.add(nose, (0.1, 0.07, 0.07), _PLASTIC, puffed(nose, 0.016, 1.2))
    canvas.print(stroke(path((x, y + r * 0.34), (x, y + r * 0.5)), 0.008), (0.12, 0.08, 0.08))
    canvas.print(
        stroke(ellipse(x, y + r * 0.44, r * 0.22, r * 0.14, 20, 160), 0.008), (0.12, 0.08, 0.08)
    )
    for side in (-1, 1):
        eye = polygon(ellipse(x + side * r * 0.42, y - r * 0.08, r * 0.11, r * 0.12))
        canvas.add(eye, (0.06, 0.05, 0.05), _GLASS, puffed(eye, 0.014, 1.3))
        spark = polygon(ellipse(x + side * r * 0.42 - 0.006, y - r * 0.12, 0.006, 0.006))
        canvas.print(spark, (1.0, 1.0, 1.0))


def _neckwear(canvas: Canvas, design: Design, y: float) -> None:
    paint, cloth = design.accent.rgb, MATERIALS["cotton"]
    if design.knobs[3] > 0.6:
        scarf = stroke(
            spline([(0.36, y - 0.02), (0.5, y + 0.025), (0.64, y - 0.02)], closed=False), 0.06
        )
        canvas.add(
            scarf,
            paint,
            MATERIALS["wool"],
            added(puffed(scarf, 0.025, 1.2), ribbed(scarf, 60, 0.25)),
            lift=0.012,
        )
        end = polygon(path((0.55, y), (0.615, y - 0.01), (0.64, y + 0.17), (0.565, y + 0.18)))
        canvas.add(
            end,
            paint,
            MATERIALS["wool"],
            added(puffed(end, 0.02), ribbed(end, 60, 0.25, upright=False)),
            lift=0.012,
        )
    elif design.knobs[3] > 0.25:
        for side in (-1, 1):
            wing = polygon(
                spline(
                    [
                        (0.5, y + 0.01),
                        (0.5 + side * 0.1, y - 0.04),
                        (0.5 + side * 0.115, y + 0.02),
                        (0.5 + side * 0.1, y + 0.065),
                    ]
                )
            )
            canvas.add(wing, paint, cloth, puffed(wing, 0.03, 1.2), lift=0.012)
        knot = polygon(ellipse(0.5, y + 0.012, 0.026, 0.03))
        canvas.add(knot, darker(paint, 0.12), cloth, puffed(knot, 0.016, 1.2), lift=0.008)


def _describe_teddy(design: Design) -> str:
    animal = TEDDIES.shapes[design.shape]
    text = f"{design.material} {animal}"
    if _dressed(design):
        made = " ".join(part for part in (design.trim.name, word(design.pattern)) if part)
        article = "an" if made[0] in "aeiou" else "a"
        text += f" in {article} {made} jumper"
    return f"{text[0].upper()}{text[1:]}, {design.colour.name}"


def _dressed(design: Design) -> bool:
    return design.knobs[2] > 0.35 or design.pattern != "plain"


TEDDIES = Category(
    "Toys", "Teddy bears", "TED",
    {"bear": "teddy bear", "panda": "panda bear", "rabbit": "toy rabbit"},
    ("plush", "wool", "velvet"),
    ("plain", "stripes", "breton", "dots", "checks", "heart print", "star print", "chevron",
        "tartan", "split", "diagonal", "daisy print", "rocket print", "anchor print", "waves",
        "lightning print", "moon print"),
    (14.9, 49.9), draw_teddy, size=1.1, describe=_describe_teddy,
)  # fmt: skip
