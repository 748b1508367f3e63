"""The department Home: mugs, vases, table lamps."""

import numpy as np

from api.demo.canvas import SIDE, Canvas, polygon, puffed, stroke
from api.demo.design import Category, Design, View
from api.demo.lathe import profile
from api.demo.materials import MATERIALS
from api.demo.outline import ellipse, spline, xy
from api.demo.palette import BRASS, OAK, RUBBER, darker, lighter, mix
from api.demo.patterns import word
from api.demo.products.vessels import band, base_shadow, body, handle, knob, mouth

_MUGS = {
    "straight": xy("1.0,0.0 1.0,0.5 1.0,0.93 0.94,0.99 0.8,1.0"),
    "tulip": xy("1.0,0.0 0.9,0.3 0.92,0.6 0.84,0.88 0.6,1.0"),
    "tapered": xy("1.05,0.0 0.94,0.5 0.82,0.95 0.78,1.0"),
    "barrel": xy("0.86,0.0 1.02,0.3 1.06,0.6 0.9,0.92 0.74,1.0"),
    "camping": xy("1.02,0.0 0.98,0.1 0.97,0.9 0.93,1.0"),
}


def draw_mug(design: Design, view: View) -> Canvas:
    """Draw a mug with its handle."""
    canvas, material, pitch = Canvas(), design.surface, view.pitch
    broad, tall = 0.21 + 0.05 * design.knobs[0], 0.42 + 0.16 * design.knobs[1]
    top = 0.5 - tall / 2 + 0.05
    outline = profile([(r * broad, top + y * tall) for r, y in _MUGS[design.shape]])
    angle = np.pi / 2 + view.yaw
    trim = design.trim.rgb if design.knobs[3] > 0.55 else design.colour.rgb
    reach = broad * (0.62 + 0.25 * design.knobs[2])
    bow = [
        (0.94, 0.16),
        (1.0 + reach / broad * 0.75, 0.14),
        (1.0 + reach / broad, 0.42),
        (0.93 + reach / broad * 0.6, 0.74),
        (0.9, 0.8),
    ]
    curve = spline([(r * broad, top + y * tall) for r, y in bow], closed=False)
    if np.cos(angle) < 0.02:
        handle(canvas, curve, angle, pitch, 0.042, trim, material)
    surface = body(canvas, outline, pitch, design.print, material, view.yaw)
    base_shadow(canvas, surface)
    enamel = design.shape == "camping"
    rim = darker(design.trim.rgb, 0.2) if enamel else trim
    if enamel:
        band(canvas, surface, top, top + 0.025, rim)
    inside = (
        lighter(design.colour.rgb, 0.75) if design.knobs[3] <= 0.55 else mix(trim, (1, 1, 1), 0.25)
    )
    mouth(canvas, outline[0, 0], top, pitch, inside, rim, material, 0.014)
    if np.cos(angle) >= 0.02:
        handle(canvas, curve, angle, pitch, 0.042, trim, material)
    return canvas


_VASES = {
    "bottle": xy("0.34,0.0 0.26,0.06 0.25,0.3 0.62,0.5 0.95,0.74 0.8,0.95 0.6,1.0"),
    "amphora": xy("0.62,0.0 0.42,0.08 0.5,0.2 0.98,0.4 0.85,0.7 0.5,0.96 0.48,1.0"),
    "cylinder": xy("0.62,0.0 0.62,0.4 0.62,0.9 0.58,1.0"),
    "globe": xy("0.4,0.1 0.36,0.16 0.78,0.32 1.1,0.6 0.82,0.92 0.5,1.0"),
    "trumpet": xy("0.9,0.0 0.58,0.16 0.4,0.45 0.48,0.75 0.66,0.95 0.62,1.0"),
    "gourd": xy("0.3,0.0 0.5,0.14 0.56,0.26 0.36,0.42 0.7,0.6 0.92,0.8 0.6,1.0"),
}


def draw_vase(design: Design, view: View) -> Canvas:
    """Draw a vase, some with a branch in it."""
    canvas, pitch = Canvas(), view.pitch
    broad, tall = 0.2 + 0.05 * design.knobs[0], 0.56 + 0.16 * design.knobs[1]
    top = 0.95 - tall
    outline = profile([(r * broad, top + y * tall) for r, y in _VASES[design.shape]])
    radius, opening = float(outline[0, 0]), float(outline[0, 1])
    widest = float(outline[outline[:, 0].argmax(), 1])
    surface = body(canvas, outline, pitch, design.print, design.surface, view.yaw, middle=widest)
    base_shadow(canvas, surface)
    if design.knobs[3] > 0.6:
        band(canvas, surface, opening, opening + 0.022, design.trim.rgb)
        band(canvas, surface, 0.905, 0.96, design.trim.rgb)
    inside = darker(design.colour.rgb, 0.5)
    mouth(
        canvas,
        radius,
        opening,
        pitch,
        inside,
        lighter(design.colour.rgb, 0.1),
        design.surface,
        0.011,
    )
    if design.knobs[2] > 0.62:
        _branch(canvas, opening * np.cos(pitch), view.yaw, design.seed)
    return canvas


def _branch(canvas: Canvas, y: float, yaw: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    leafy = (0.36, 0.47, 0.30) if seed % 2 else (0.52, 0.56, 0.42)
    for stem in range(4):
        lean = (stem - 1.5) * 0.12 * np.cos(yaw) + 0.04 * np.sin(yaw)
        tip = max(y - 0.24 - 0.06 * rng.random(), 0.03)
        line = spline(
            [(0.5, y + 0.008), (0.5 + lean * 0.4, (y + tip) / 2), (0.5 + lean, tip)], closed=False
        )
        canvas.add(stroke(line, 0.008), darker(leafy, 0.3))
        for number, (px, py) in enumerate(line[8::5]):
            side = 1 if number % 2 else -1
            leaf = polygon(ellipse(px + side * 0.022, py - 0.008, 0.026, 0.012) + 0.0)
            canvas.add(
                leaf,
                mix(leafy, (0.7, 0.8, 0.5), 0.3 * rng.random()),
                slopes=puffed(leaf, 0.008, 0.8),
            )


_SHADES = {
    "drum": [(0.92, 0.0), (1.0, 1.0)],
    "cone": [(0.42, 0.0), (1.05, 1.0)],
    "empire": [(0.62, 0.0), (1.0, 1.0)],
    "dome": xy("0.12,0.0 0.6,0.16 0.9,0.5 1.02,1.0"),
    "globe": xy("0.2,0.0 0.62,0.14 0.8,0.5 0.62,0.86 0.25,1.0"),
}
_FEET = (
    xy("0.1,0.0 0.1,0.8 0.12,0.86 0.62,0.93 0.64,1.0"),
    xy("0.1,0.0 0.4,0.2 0.62,0.5 0.4,0.85 0.42,1.0"),
    xy("0.1,0.0 0.3,0.16 0.12,0.32 0.36,0.52 0.14,0.7 0.5,0.92 0.52,1.0"),
    xy("0.12,0.0 0.18,0.4 0.5,0.96 0.5,1.0"),
)


def draw_lamp(design: Design, view: View) -> Canvas:
    """Draw a table lamp: shade, glow, foot and cord."""
    canvas, pitch = Canvas(), view.pitch * 0.55
    broad, height = 0.23 + 0.06 * design.knobs[0], 0.30 + 0.09 * design.knobs[1]
    foot_shape = _FEET[int(design.knobs[2] * 3.999)]
    top, ground = 0.06, 0.95
    under = top + height - 0.03
    cord = spline(xy("0.5,0.93 0.68,0.955 0.8,0.94 0.93,0.965"), closed=False)
    canvas.add(
        stroke(cord, 0.009),
        RUBBER if design.knobs[3] < 0.5 else lighter(OAK, 0.3),
        MATERIALS["rubber"],
    )
    kinds = (MATERIALS["wood"], MATERIALS["ceramic"], MATERIALS["brass"], MATERIALS["ceramic"])
    kind = kinds[int(design.knobs[3] * 3.999)]
    paint = {"wood": OAK, "brass": BRASS}.get(kind.name, design.trim.rgb)
    size = 0.24
    foot = body(
        canvas,
        profile(
            [(r * size, under + y * (ground - under)) for r, y in foot_shape],
            smooth=len(foot_shape) > 4,
        ),
        pitch,
        paint,
        kind,
    )
    base_shadow(canvas, foot, 0.4, 0.1)
    points = [(r * broad, top + y * height) for r, y in _SHADES[design.shape]]
    shade = profile(points, smooth=len(points) > 2)
    lamp = body(canvas, shade, pitch, design.print, design.surface, view.yaw)
    window = lamp.mask.window
    level = (lamp.down / SIDE - top) / height
    glow = 0.42 * np.exp(-(((level - 0.55) / 0.4) ** 2))
    np.copyto(canvas.glow[window], glow.astype(np.float32), where=lamp.mask.cover)
    if design.shape in {"drum", "empire", "cone"}:
        mouth(
            canvas,
            shade[0, 0],
            top,
            pitch,
            (1.0, 0.93, 0.75),
            darker(design.colour.rgb, 0.15),
            design.surface,
            0.008,
        )
        for edge in (top + 0.006, top + height - 0.014):
            band(canvas, lamp, edge, edge + 0.01, darker(design.accent.rgb, 0.1))
    elif design.shape == "dome":
        knob(canvas, 0.02, top + 0.004, pitch, BRASS, MATERIALS["brass"])
    return canvas


_ON_CERAMIC = (
    "plain", "stripes", "pinstripes", "dots", "chevron", "waves", "terrazzo", "speckles",
        "block", "bands",
    "marble", "sprigs", "cat print", "anchor print", "mountain print", "sun print", "heart print",
    "rocket print", "fish print", "toadstool print", "star all-over", "leaf all-over",
        "cherry all-over",
)  # fmt: skip

MUGS = Category(
    "Home", "Mugs", "MUG",
    {"straight": "mug", "tulip": "tulip mug", "tapered": "tapered mug", "barrel": "barrel mug",
        "camping": "camping mug"},
    ("porcelain", "stoneware", "ceramic", "enamel"), _ON_CERAMIC, (7.9, 24.9), draw_mug, size=0.8,
)  # fmt: skip


def _describe_lamp(design: Design) -> str:
    made = " ".join(part for part in (word(design.pattern), design.material) if part)
    both = "" if design.pattern == "plain" else f" and {design.accent.name}"
    return f"Table lamp with {made} {design.shape} shade, {design.colour.name}{both}"


VASES = Category(
    "Home", "Vases", "VAS",
    {"bottle": "bottle vase", "amphora": "amphora vase", "cylinder": "cylinder vase",
        "globe": "globe vase", "trumpet": "trumpet vase", "gourd": "gourd vase"},
    ("ceramic", "stoneware", "porcelain", "terracotta"),
    ("plain", "stripes", "pinstripes", "chevron", "waves", "terrazzo", "speckles", "block",
        "bands", "marble", "triangles", "ombre", "leaf all-over", "sprigs", "diagonal"),
    (14.9, 79.0), draw_vase, size=1.1,
)  # fmt: skip
LAMPS = Category(
    "Home", "Table lamps", "LMP",
    {"drum": "table lamp with drum shade", "cone": "table lamp with cone shade",
        "empire": "table lamp with empire shade", "dome": "dome table lamp",
        "globe": "globe table lamp"},
    ("linen", "cotton", "paper"),
    ("plain", "stripes", "pinstripes", "dots", "checks", "chevron", "waves", "sprigs",
        "leaf all-over", "star all-over", "bands", "tartan", "triangles", "diagonal"),
    (29.9, 129.0), draw_lamp, size=1.15, describe=_describe_lamp,
)  # fmt: skip
