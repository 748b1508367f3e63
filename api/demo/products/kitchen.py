"""The department Kitchen: teapots, water bottles, casseroles."""

import numpy as np

from api.demo.canvas import Canvas, polygon, puffed
from api.demo.design import Category, Design, View
from api.demo.lathe import placed, profile
from api.demo.materials import MATERIALS
from api.demo.outline import spline, xy
from api.demo.palette import BRASS, OAK, RGB, RUBBER, STEEL, darker
from api.demo.products.vessels import band, base_shadow, body, handle, knob, seam_ring

_POTS = {
    "round": xy("0.5,0.0 0.88,0.22 1.0,0.55 0.82,0.9 0.56,1.0"),
    "tall": xy("0.5,0.0 0.66,0.2 0.8,0.6 0.86,0.92 0.8,1.0"),
    "squat": xy("0.52,0.0 1.0,0.3 1.14,0.62 0.86,0.94 0.6,1.0"),
    "bell": xy("0.46,0.0 0.66,0.3 0.84,0.6 1.06,0.9 0.98,1.0"),
}


def draw_teapot(design: Design, view: View) -> Canvas:
    """Draw a teapot: spout, handle, body, lid and knob."""
    canvas, material, pitch = Canvas(), design.surface, view.pitch
    yaw = float(np.clip(view.yaw, -0.6, 0.6))
    broad, tall = 0.23 + 0.03 * design.knobs[0], 0.36 + 0.1 * design.knobs[1]
    top = 0.86 - tall
    outline = profile([(r * broad, top + y * tall) for r, y in _POTS[design.shape]])
    own = design.colour.rgb
    trim = design.trim.rgb if design.knobs[3] > 0.5 else own
    bow = xy("0.7,0.12 1.35,0.05 1.62,0.4 1.35,0.78 0.85,0.8")
    curve = spline([(r * broad, top + y * tall) for r, y in bow], closed=False)
    back = np.sin(yaw) > 0
    if not back:
        handle(canvas, curve, np.pi / 2 + yaw, pitch, 0.036, trim, material)
    _spout(canvas, design, (broad, tall, top), -np.pi / 2 + yaw, pitch, own)
    if back:
        handle(canvas, curve, np.pi / 2 + yaw, pitch, 0.036, trim, material)
    surface = body(canvas, outline, pitch, design.print, material, yaw)
    base_shadow(canvas, surface)
    rim = float(outline[0, 0])
    lid_paint = trim if design.knobs[3] > 0.5 else own
    lid = profile(
        [
            (0.001, top - 0.075),
            (rim * 0.55, top - 0.06),
            (rim * 0.92, top - 0.02),
            (rim * 1.06, top + 0.004),
        ]
    )
    body(canvas, lid, pitch, lid_paint, material)
    wooden = design.knobs[2] > 0.6
    knob(
        canvas,
        0.03,
        top - 0.06,
        pitch,
        OAK if wooden else darker(lid_paint, 0.1),
        MATERIALS["wood"] if wooden else material,
    )
    return canvas


def _spout(
    canvas: Canvas,
    design: Design,
    size: tuple[float, float, float],
    angle: float,
    pitch: float,
    paint: RGB,
) -> None:
    broad, tall, top = size
    reach = 1.55 + 0.3 * design.knobs[2]
    upper = spline([(0.6, 0.38), (1.1, 0.3), (reach - 0.16, -0.02), (reach, -0.1)], closed=False)
    lower = spline(
        [(reach + 0.06, 0.0), (reach - 0.1, 0.22), (1.2, 0.68), (0.6, 0.84)], closed=False
    )
    edge = np.concatenate([upper, lower]) * np.array([broad, tall]) + np.array([0, top])
    mask = polygon(placed(edge[:, 0], edge[:, 1], angle, pitch))
    canvas.add(mask, paint, design.surface, puffed(mask, 0.035, 1.1), lift=0.01)


_BOTTLES = {
    "classic": xy("0.52,0.16 0.56,0.2 0.98,0.3 1.0,0.4 1.0,0.95 0.94,1.0"),
    "wide-mouth": xy("0.86,0.13 0.92,0.17 1.0,0.22 1.0,0.6 1.0,0.95 0.95,1.0"),
    "cola": xy("0.42,0.1 0.44,0.16 0.6,0.3 1.0,0.46 1.0,0.7 1.0,0.96 0.92,1.0"),
    "tumbler": xy("1.1,0.08 1.06,0.3 0.98,0.6 0.86,0.96 0.82,1.0"),
    "sport": xy("0.7,0.18 0.9,0.26 1.0,0.36 0.8,0.52 0.98,0.66 1.0,0.94 0.94,1.0"),
}


def draw_bottle(design: Design, view: View) -> Canvas:
    """Draw a water bottle with its cap."""
    canvas, pitch = Canvas(), view.pitch * 0.7
    broad, tall = 0.125 + 0.035 * design.knobs[0], 0.84
    top = 0.08
    outline = profile([(r * broad, top + y * tall) for r, y in _BOTTLES[design.shape]])
    surface = body(canvas, outline, pitch, design.print, design.surface, view.yaw, middle=0.66)
    base_shadow(canvas, surface, 0.35, 0.05)
    ground = top + tall
    if design.material != "plastic":
        band(canvas, surface, ground - 0.03, ground, STEEL)
    neck = float(outline[0, 1])
    _cap(canvas, design, float(outline[0, 0]), neck, pitch, view.yaw)
    return canvas


def _cap(
    canvas: Canvas, design: Design, radius: float, neck: float, pitch: float, yaw: float
) -> None:
    wooden = design.knobs[2] < 0.3
    paint = OAK if wooden else design.trim.rgb
    kind = MATERIALS["wood" if wooden else "plastic"]
    low, high = neck + 0.012, neck - 0.07
    if design.shape == "tumbler":
        lid = profile(
            [
                (0.001, neck - 0.02),
                (radius * 0.98, neck - 0.02),
                (radius * 1.04, neck),
                (radius * 1.04, low),
            ],
            smooth=False,
        )
        straw = placed(
            np.array([0.03, 0.0]), np.array([neck - 0.07, neck - 0.01]), yaw + 0.6, pitch
        )
        body(canvas, lid, pitch, paint, kind)
        half = np.array([0.013, 0.0])
        tube = polygon(np.concatenate([straw + half, straw[::-1] - half]))
        canvas.add(tube, darker(design.accent.rgb, 0.1), MATERIALS["plastic"], lift=0.008)
        return
    if design.knobs[3] > 0.45:
        loop = spline(
            [
                (radius * 0.9, neck - 0.03),
                (radius * 1.0, neck - 0.105),
                (0.0, neck - 0.125),
                (-radius * 1.0, neck - 0.105),
                (-radius * 0.9, neck - 0.03),
            ],
            closed=False,
        )
        handle(canvas, loop, np.pi / 2 + yaw * 0.6, pitch, 0.02, darker(paint, 0.15), kind)
    cap = profile(
        [(0.001, high), (radius * 0.98, high), (radius * 1.1, high + 0.01), (radius * 1.1, low)],
        smooth=False,
    )
    top = body(canvas, cap, pitch, paint, kind)
    for level in (0.25, 0.5, 0.75):
        seam_ring(canvas, radius * 1.1, high + level * (low - high), pitch)
    band(canvas, top, low - 0.01, low, darker(paint, 0.35))


_PANS = {
    "casserole": (0.30, 0.30, xy("1.0,0.0 1.0,0.6 0.97,0.88 0.88,1.0")),
    "stockpot": (0.26, 0.44, xy("1.0,0.0 1.0,0.6 1.0,0.94 0.95,1.0")),
    "saucepan": (0.22, 0.26, xy("1.0,0.0 0.99,0.5 0.96,0.92 0.9,1.0")),
    "braiser": (0.33, 0.19, xy("1.0,0.0 0.99,0.4 0.92,0.8 0.78,1.0")),
}


def draw_pan(design: Design, view: View) -> Canvas:
    """Draw a pot with lid: two ears, or the long handle of a saucepan."""
    canvas, material, pitch = Canvas(), design.surface, view.pitch
    broad, tall, shape = _PANS[design.shape]
    broad, tall = broad * (0.92 + 0.16 * design.knobs[0]), tall * (0.85 + 0.3 * design.knobs[1])
    top = 0.82 - tall
    yaw = float(np.clip(view.yaw, -0.7, 0.7))
    fitting = (
        STEEL if design.knobs[2] < 0.4 else (RUBBER if design.knobs[2] < 0.7 else design.colour.rgb)
    )
    kind = MATERIALS["steel"] if design.knobs[2] < 0.4 else material
    if design.shape == "saucepan":
        rod = np.array([[broad * 0.95, top + 0.06], [broad + 0.22, top + 0.02]])
        handle(canvas, rod, np.pi / 2 + yaw, pitch, 0.042, fitting, kind)
    else:
        for side in (1, -1):
            ear = spline(
                [
                    (broad * 0.95, top + 0.06),
                    (broad + 0.075, top + 0.05),
                    (broad + 0.08, top + 0.09),
                    (broad * 0.95, top + 0.1),
                ],
                closed=False,
            )
            handle(canvas, ear, side * np.pi / 2 + yaw, pitch, 0.026, fitting, kind)
    outline = profile([(r * broad, top + y * tall) for r, y in shape])
    surface = body(canvas, outline, pitch, design.print, material, yaw)
    base_shadow(canvas, surface)
    flat = 0.05 + 0.05 * design.knobs[3]
    lid = profile(
        [
            (0.001, top - flat),
            (broad * 0.5, top - flat * 0.86),
            (broad * 0.9, top - flat * 0.32),
            (broad * 1.02, top - 0.012),
            (broad * 1.03, top + 0.006),
        ]
    )
    glassy = design.knobs[3] > 0.7
    lid_paint = (0.62, 0.68, 0.7) if glassy else design.colour.rgb
    dome = body(canvas, lid, pitch, lid_paint, MATERIALS["glass"] if glassy else material)
    band(
        canvas, dome, top - 0.012, top + 0.01, STEEL if glassy else darker(design.colour.rgb, 0.25)
    )
    brass = design.knobs[2] >= 0.7
    knob(
        canvas,
        0.034,
        top - flat + 0.01,
        pitch,
        BRASS if brass else fitting,
        MATERIALS["brass"] if brass else kind,
    )
    return canvas


TEAPOTS = Category(
    "Kitchen", "Teapots", "TEA",
    {"round": "teapot", "tall": "tall teapot", "squat": "low teapot", "bell": "bell teapot"},
    ("porcelain", "stoneware", "ceramic"),
    ("plain", "stripes", "pinstripes", "dots", "waves", "terrazzo", "speckles", "block",
        "bands", "sprigs", "marble", "cat print", "sun print", "daisy print", "cherry all-over",
        "leaf all-over", "chevron"),
    (19.9, 69.0), draw_teapot, both_ways=True, size=0.9,
)  # fmt: skip
BOTTLES = Category(
    "Kitchen", "Water bottles", "BOT",
    {"classic": "bottle", "wide-mouth": "wide-mouth bottle", "cola": "slim-neck bottle",
        "tumbler": "tumbler with straw", "sport": "sports bottle"},
    ("powder-coated steel", "steel", "plastic"),
    ("plain", "stripes", "pinstripes", "diagonal", "dots", "chevron", "waves", "terrazzo",
        "block", "bands", "ombre", "camouflage", "marble", "mountain print", "rocket print",
        "fish print", "lightning print", "leaf all-over", "star all-over", "triangles"),
    (12.9, 39.9), draw_bottle, size=1.15,
)  # fmt: skip
PANS = Category(
    "Kitchen", "Pots", "POT",
    {"casserole": "casserole", "stockpot": "stockpot", "saucepan": "saucepan",
        "braiser": "braiser"},
    ("enamel", "cast iron", "steel"),
    ("plain", "speckles", "dots", "block", "bands", "sprigs", "ombre", "checks", "stripes",
        "waves", "cherry all-over", "mountain print", "marble"),
    (24.9, 149.0), draw_pan, both_ways=True, size=0.95,
)  # fmt: skip
