"""The category Fashion > Watches."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from api.demo.canvas import Canvas, Mask, added, polygon, puffed, stroke
from api.demo.design import Category, Design, View
from api.demo.materials import MATERIALS
from api.demo.outline import ellipse, path, rectangle, turned
from api.demo.palette import BRASS, COLOURS, RGB, RUBBER, STEEL, Colour, darker, lighter, mix
from api.demo.patterns import laid, word
from api.demo.products.cloth import creased, ribbed

_COTTON, _STEEL = MATERIALS["cotton"], MATERIALS["steel"]


SILVER = Colour("silver", STEEL)


def draw_watch(design: Design, view: View) -> Canvas:
    """Draw a wrist watch: strap, case, crown, dial, markers, hands."""
    del view
    canvas = Canvas()
    wide = 0.095 + 0.03 * design.knobs[0]
    radius = 0.185 + 0.035 * design.knobs[1]
    gold = design.knobs[2] > 0.6
    case: RGB = BRASS if gold else ((0.25, 0.25, 0.27) if design.knobs[2] < 0.15 else STEEL)
    metal = MATERIALS["brass" if gold else "steel"]
    _strap(canvas, design, wide, case)
    square = design.shape == "square"
    edge = (
        rectangle(0.5 - radius, 0.5 - radius, 0.5 + radius, 0.5 + radius, 0.06)
        if square
        else ellipse(0.5, 0.5, radius, radius)
    )
    crown = polygon(rectangle(0.5 + radius - 0.01, 0.475, 0.5 + radius + 0.035, 0.525, 0.01))
    canvas.add(crown, case, metal, puffed(crown, 0.014, 1.2))
    if design.shape == "chronograph":
        for angle in (-28, 28):
            pusher = polygon(
                turned(
                    rectangle(0.5 + radius - 0.01, 0.485, 0.5 + radius + 0.03, 0.515, 0.008),
                    angle,
                    0.5,
                    0.5,
                )
            )
            canvas.add(pusher, case, metal, puffed(pusher, 0.01, 1.2))
    shell = polygon(edge)
    canvas.add(shell, case, metal, puffed(shell, 0.03, 1.3), lift=0.02)
    _dial(canvas, design, radius, case)
    return canvas


def _strap(canvas: Canvas, design: Design, wide: float, case: RGB) -> None:
    kind = design.surface
    metal = design.material == "steel"
    paint = case if metal else design.colour.rgb
    for side in (-1, 1):
        end = 0.03 if side < 0 else 0.97
        outline = path(
            (0.5 - wide, 0.5), (0.5 - wide * 0.82, end), (0.5 + wide * 0.82, end), (0.5 + wide, 0.5)
        )
        mask = polygon(outline)
        if metal:
            slopes = added(puffed(mask, 0.015, 0.8), ribbed(mask, 26, 0.2, upright=False))
            canvas.add(mask, paint, MATERIALS["steel"], slopes)
            for x in (0.5 - wide * 0.36, 0.5 + wide * 0.36):
                canvas.groove(path((x, 0.5), (0.5 + (x - 0.5) * 0.85, end)), 0.006, 0.45)
            continue
        canvas.add(
            mask,
            laid(design.print, mask, 0.5, 0.25, scale=0.6),
            kind,
            added(puffed(mask, 0.03, 1.0), creased(mask, design.seed, 0.04, 0.06)),
        )
        for edge in (-0.82, 0.82):
            canvas.stitch(
                path((0.5 + edge * wide, 0.5), (0.5 + edge * wide * 0.8, end)),
                lighter(paint, 0.5),
                0.004,
            )
    if not metal:
        for y in (0.79, 0.835, 0.88):
            canvas.print(polygon(ellipse(0.5, y, 0.009, 0.011)), (0.07, 0.06, 0.06))
        keeper = stroke(rectangle(0.5 - wide * 0.98, 0.065, 0.5 + wide * 0.98, 0.125, 0.012), 0.018)
        canvas.add(keeper, case, MATERIALS["steel"], puffed(keeper, 0.008, 1.2), lift=0.01)


def _dial(canvas: Canvas, design: Design, radius: float, case: RGB) -> None:
    r = radius * 0.82
    square = design.shape == "square"
    edge = (
        rectangle(0.5 - r, 0.5 - r, 0.5 + r, 0.5 + r, 0.04) if square else ellipse(0.5, 0.5, r, r)
    )
    face = polygon(edge)
    paint = design.accent.rgb
    bright = sum(paint) > 1.5
    ink: RGB = (0.1, 0.1, 0.12) if bright else (0.95, 0.95, 0.93)
    if design.shape == "diver":
        ring = polygon(ellipse(0.5, 0.5, radius * 0.95, radius * 0.95))
        canvas.add(
            ring, darker(design.trim.rgb, 0.1), MATERIALS["ceramic"], puffed(ring, 0.012, 0.8)
        )
        for hour in range(12):
            angle = np.radians(30 * hour)
            tick = path(
                *[
                    (0.5 + radius * k * np.sin(angle), 0.5 - radius * k * np.cos(angle))
                    for k in (0.85, 0.92)
                ]
            )
            canvas.print(stroke(tick, 0.008), (0.95, 0.95, 0.95))
    canvas.add(face, paint, MATERIALS["glass"], puffed(face, 0.02, 0.18))
    canvas.darken(Mask(face.left, face.top, face.cover & ~_shifted(face)), 0.01, 0.45)
    for hour in range(12):
        angle = np.radians(30 * hour)
        start = 0.7 if hour % 3 == 0 else 0.78
        tick = path(
            *[(0.5 + r * k * np.sin(angle), 0.5 - r * k * np.cos(angle)) for k in (start, 0.9)]
        )
        canvas.print(stroke(tick, 0.013 if hour % 3 == 0 else 0.008), ink)
    if design.shape == "chronograph":
        for x, y in ((-0.42, 0.0), (0.42, 0.0), (0.0, 0.42)):
            canvas.print(
                polygon(ellipse(0.5 + x * r, 0.5 + y * r, 0.24 * r, 0.24 * r)),
                mix(paint, design.trim.rgb, 0.75),
            )
            canvas.print(
                stroke(
                    path(
                        (0.5 + x * r, 0.5 + y * r), (0.5 + x * r + 0.12 * r, 0.5 + y * r - 0.12 * r)
                    ),
                    0.006,
                ),
                ink,
            )
    for angle, length, width in ((-56.0, 0.5, 0.018), (62.0, 0.74, 0.012)):
        hand = turned(path((0.5, 0.5 + 0.1 * r), (0.5, 0.5 - length * r)), angle, 0.5, 0.5)
        canvas.darken(stroke(hand + 0.006, width), 0.006, 0.25)
        canvas.add(stroke(hand, width), ink, MATERIALS["plastic"])
    second = turned(path((0.5, 0.5 + 0.2 * r), (0.5, 0.5 - 0.82 * r)), 190, 0.5, 0.5)
    canvas.add(stroke(second, 0.006), (0.85, 0.15, 0.12) if design.seed % 2 else case)
    hub = polygon(ellipse(0.5, 0.5, 0.014, 0.014))
    canvas.add(hub, RUBBER if bright else STEEL, _STEEL, puffed(hub, 0.01))


def _settle_watch(design: Design) -> Design:
    """A bracelet of steel is made like its case: no other colour, no print."""
    if design.material != "steel":
        return design
    tone = design.knobs[2]
    finish = Colour("gold", BRASS) if tone > 0.6 else COLOURS["black"] if tone < 0.15 else SILVER
    return replace(design, pattern="plain", colour=finish)


def _describe_watch(design: Design) -> str:
    noun = {"round": "watch", "square": "square watch", "chronograph": "chronograph"}
    kind = noun.get(design.shape, "diver's watch")
    strap = "bracelet" if design.material == "steel" else "strap"
    made = " ".join(part for part in (word(design.pattern), design.material) if part)
    both = "" if design.pattern == "plain" else f" and {design.accent.name}"
    text = f"{kind} with {made} {strap}, {design.colour.name}{both}, {design.accent.name} dial"
    return text[0].upper() + text[1:]


def _shifted(mask: Mask) -> NDArray[np.bool_]:
    return np.asarray(np.roll(mask.cover, (5, 4), axis=(0, 1)))


WATCHES = Category(
    "Fashion", "Watches", "WAT",
    {"round": "watch", "square": "square watch", "chronograph": "chronograph",
        "diver": "diver's watch"},
    ("leather", "silicone", "steel", "canvas"),
    ("plain", "breton", "split", "diagonal", "camouflage", "dots", "tartan", "bands"),
    (49.0, 299.0), draw_watch, lies=True, size=1.1,
    settle=_settle_watch, describe=_describe_watch,
)  # fmt: skip
