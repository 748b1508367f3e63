"""The department Toys: cars and teddy bears; and the cushions of Home, which are stuffed alike."""

import numpy as np

from api.demo.canvas import Canvas, added, polygon, puffed, stroke
from api.demo.design import Category, Design, View
from api.demo.materials import MATERIALS
from api.demo.outline import ellipse, path, rectangle, spline
from api.demo.palette import OAK, RGB, RUBBER, STEEL, darker, lighter, mix
from api.demo.patterns import laid
from api.demo.products.cloth import creased, ribbed

_GLASS, _PLASTIC, _PLUSH = MATERIALS["glass"], MATERIALS["plastic"], MATERIALS["plush"]
_CARS = {
    "saloon": ([(0.05, 0.66), (0.06, 0.53), (0.14, 0.5), (0.26, 0.48), (0.36, 0.34), (0.6, 0.33), (0.74, 0.48), (0.9, 0.51), (0.95, 0.58), (0.95, 0.67), (0.5, 0.69)], (0.24, 0.76), 0.085),
    "beetle": ([(0.06, 0.66), (0.07, 0.55), (0.16, 0.45), (0.28, 0.34), (0.45, 0.28), (0.6, 0.34), (0.7, 0.46), (0.84, 0.48), (0.93, 0.57), (0.94, 0.67), (0.5, 0.69)], (0.24, 0.77), 0.09),
    "van": ([(0.06, 0.68), (0.06, 0.34), (0.12, 0.27), (0.4, 0.26), (0.74, 0.27), (0.82, 0.32), (0.9, 0.5), (0.95, 0.55), (0.95, 0.68), (0.5, 0.7)], (0.24, 0.77), 0.088),
    "racer": ([(0.04, 0.66), (0.05, 0.56), (0.2, 0.52), (0.36, 0.45), (0.5, 0.44), (0.62, 0.52), (0.85, 0.57), (0.96, 0.63), (0.95, 0.68), (0.5, 0.7)], (0.2, 0.77), 0.098),
    "pickup": ([(0.05, 0.67), (0.05, 0.5), (0.3, 0.5), (0.44, 0.5), (0.47, 0.32), (0.62, 0.31), (0.72, 0.48), (0.92, 0.52), (0.95, 0.6), (0.95, 0.68), (0.5, 0.7)], (0.22, 0.77), 0.095),
}
_WINDOWS = {
    "saloon": [[(0.3, 0.48), (0.38, 0.375), (0.48, 0.37), (0.48, 0.48)], [(0.51, 0.48), (0.51, 0.37), (0.59, 0.37), (0.68, 0.48)]],
    "beetle": [[(0.27, 0.46), (0.33, 0.37), (0.44, 0.33), (0.44, 0.46)], [(0.47, 0.46), (0.47, 0.33), (0.57, 0.37), (0.63, 0.46)]],
    "van": [[(0.12, 0.47), (0.12, 0.33), (0.3, 0.32), (0.3, 0.47)], [(0.34, 0.47), (0.34, 0.32), (0.53, 0.32), (0.53, 0.47)], [(0.58, 0.47), (0.58, 0.32), (0.75, 0.33), (0.82, 0.47)]],
    "racer": [[(0.44, 0.5), (0.46, 0.455), (0.54, 0.46), (0.6, 0.52)]],
    "pickup": [[(0.5, 0.49), (0.515, 0.36), (0.6, 0.355), (0.67, 0.49)]],
}  # fmt: skip


def draw_car(design: Design, view: View) -> Canvas:
    """Draw a toy car from the side: body, windows, door, lights, wheels, stripe or print."""
    del view
    canvas, own, trim, kind = Canvas(), design.colour.rgb, design.trim.rgb, design.surface
    corners, axles, wheel = _CARS[design.shape]
    wheel *= 0.9 + 0.25 * design.knobs[0]
    stretch = 0.9 + 0.2 * design.knobs[1]
    shaped = [(x, 0.68 + (y - 0.68) * stretch) for x, y in corners]
    if design.shape == "racer":
        wing = polygon(path((0.03, 0.42), (0.17, 0.44), (0.17, 0.47), (0.12, 0.47), (0.12, 0.56), (0.09, 0.56), (0.09, 0.46), (0.03, 0.455)))
        canvas.add(wing, trim, kind, puffed(wing, 0.01))
    sill = polygon(rectangle(0.08, 0.62, 0.93, 0.72, 0.02))
    canvas.add(sill, darker(own, 0.7))
    hull = polygon(spline(shaped))
    canvas.add(hull, laid(design.print, hull, 0.47, 0.56, scale=0.7), kind, puffed(hull, 0.06, 1.2))
    for window in _WINDOWS[design.shape]:
        pane = polygon(path(*[(x, 0.68 + (y - 0.68) * stretch) for x, y in window]))
        canvas.add(pane, (0.42, 0.55, 0.62), _GLASS, puffed(pane, 0.02, 0.6), lift=0.004)
        x0, y0 = pane.left / 448, pane.top / 448
        gleam = polygon(path((x0 + 0.06, y0), (x0 + 0.1, y0), (x0 + 0.05, y0 + 0.2), (x0 + 0.01, y0 + 0.2))).within(pane)
        canvas.print(gleam, (0.85, 0.92, 0.95), 0.5)
    _car_details(canvas, design, stretch)
    for x in axles:
        arch = polygon(ellipse(x, 0.69, wheel * 1.15, wheel * 1.15))
        canvas.print(arch.within(hull), darker(own, 0.75))
        tyre = polygon(ellipse(x, 0.7, wheel, wheel))
        wooden = design.material == "wood"
        canvas.add(tyre, OAK if wooden else RUBBER, MATERIALS["wood" if wooden else "rubber"], puffed(tyre, 0.03, 1.2), lift=0.012)
        hub = polygon(ellipse(x, 0.7, wheel * 0.55, wheel * 0.55))
        canvas.add(hub, trim, _PLASTIC, puffed(hub, 0.02, 1.2))
        nut = polygon(ellipse(x, 0.7, wheel * 0.17, wheel * 0.17))
        canvas.add(nut, STEEL, MATERIALS["steel"], puffed(nut, 0.01, 1.2))
    return canvas


def _car_details(canvas: Canvas, design: Design, stretch: float) -> None:
    own, trim = design.colour.rgb, design.trim.rgb
    for x, size, paint in ((0.925, 0.03, (1.0, 0.95, 0.7)), (0.062, 0.018, (0.85, 0.1, 0.1))):
        lamp = polygon(ellipse(x, 0.685 - 0.1 * stretch, size * 0.7, size))
        canvas.add(lamp, paint, _GLASS, puffed(lamp, 0.012, 1.0), lift=0.004)
    bumper = polygon(rectangle(0.86, 0.645, 0.975, 0.68, 0.015))
    rear = polygon(rectangle(0.025, 0.645, 0.14, 0.68, 0.015))
    for part in (bumper, rear):
        canvas.add(part, lighter(trim, 0.1), _PLASTIC, puffed(part, 0.014, 1.2), lift=0.006)
    if design.shape != "racer":
        canvas.groove(path((0.49, 0.68 - 0.19 * stretch), (0.49, 0.66)), 0.006, 0.45)
        knob = polygon(rectangle(0.505, 0.68 - 0.155 * stretch, 0.545, 0.68 - 0.14 * stretch, 0.006))
        canvas.add(knob, STEEL, MATERIALS["steel"])
    if design.shape == "van" and design.knobs[2] > 0.4:
        for x in (0.2, 0.56):
            canvas.add(polygon(rectangle(x, 0.2, x + 0.02, 0.27)), STEEL)
        board = polygon(spline([(0.1, 0.2), (0.4, 0.16), (0.72, 0.2), (0.4, 0.215)]))
        canvas.add(board, trim, _PLASTIC, puffed(board, 0.02))
    if design.pattern == "plain" and design.knobs[3] > 0.3:
        disc = polygon(ellipse(0.47, 0.6, 0.055, 0.055))
        canvas.print(disc, (0.95, 0.95, 0.93))
        canvas.print(stroke(path((0.455, 0.58), (0.475, 0.565), (0.475, 0.635)) if design.seed % 2 else ellipse(0.47, 0.6, 0.02, 0.028), 0.013), (0.1, 0.1, 0.1))
    del own


def draw_teddy(design: Design, view: View) -> Canvas:
    """Draw a sitting teddy bear (or rabbit, or panda-eared bear) with jumper, scarf or bow."""
    del view
    canvas, own, kind = Canvas(), design.colour.rgb, design.surface
    pale = mix(own, (1.0, 0.95, 0.85), 0.55)
    head_x, head_y, r = 0.5, 0.3, 0.17 + 0.02 * design.knobs[0]
    fat = 0.19 + 0.04 * design.knobs[1]
    rabbit = design.shape == "rabbit"
    ears = [(side, x) for side in (-1, 1) for x in (head_x + side * r * (0.42 if rabbit else 0.78),)]
    for side, x in ears:
        size = (0.05, 0.15) if rabbit else (0.068, 0.068)
        y = head_y - r * (1.25 if rabbit else 0.78)
        _soft(canvas, [(x, y, *size)], own, design, tilt=side * (8.0 if rabbit else 0.0))
        inner = polygon(ellipse(x, y + 0.01, size[0] * 0.58, size[1] * 0.62))
        canvas.print(inner, pale)
    dressed = design.knobs[2] > 0.35 or design.pattern != "plain"
    wear = design.on(design.trim.rgb if design.pattern == "plain" else lighter(design.trim.rgb, 0.0))
    torso = polygon(spline([(0.5, 0.42), (0.5 + fat * 0.72, 0.46), (0.5 + fat * 1.05, 0.68), (0.5 + fat * 0.75, 0.87), (0.5, 0.9), (0.5 - fat * 0.75, 0.87), (0.5 - fat * 1.05, 0.68), (0.5 - fat * 0.72, 0.46)]))
    if dressed:
        knit = added(puffed(torso, 0.09, 1.2), ribbed(torso, 44, 0.12), creased(torso, design.seed, 0.06, 0.1))
        canvas.add(torso, laid(wear, torso, 0.5, 0.66), MATERIALS["wool"], knit, lift=0.012)
    else:
        canvas.add(torso, own, kind, puffed(torso, 0.09, 1.2), lift=0.012)
        belly = polygon(ellipse(0.5, 0.7, fat * 0.62, 0.14))
        canvas.add(belly, pale, kind, puffed(belly, 0.05, 0.8))
    _limbs(canvas, design, fat, pale, wear if dressed else None)
    head = polygon(ellipse(head_x, head_y, r * 1.06, r * 0.96))
    canvas.add(head, own, kind, puffed(head, 0.1, 1.3), lift=0.018)
    _face(canvas, (head_x, head_y, r), pale, panda=design.shape == "panda", own=own, kind_name=design.material)
    _neckwear(canvas, design, head_y + r * 0.95)
    return canvas


def _soft(canvas: Canvas, parts: list[tuple[float, float, float, float]], paint: RGB, design: Design, tilt: float = 0.0) -> None:
    from api.demo.outline import turned  # noqa: PLC0415

    for x, y, rx, ry in parts:
        mask = polygon(turned(ellipse(x, y, rx, ry), tilt, x, y))
        canvas.add(mask, paint, design.surface, puffed(mask, min(rx, ry) * 0.7, 1.3), lift=0.014)


def _limbs(canvas: Canvas, design: Design, fat: float, pale: RGB, wear: "object") -> None:
    own = design.colour.rgb
    for side in (-1, 1):
        leg_x = 0.5 + side * (fat * 0.95)
        _soft(canvas, [(leg_x, 0.86, 0.1, 0.085)], own, design, tilt=side * 20.0)
        pad = polygon(ellipse(leg_x + side * 0.02, 0.862, 0.058, 0.06))
        canvas.add(pad, pale, MATERIALS["suede"], puffed(pad, 0.03, 0.8))
        line = spline([(0.5 + side * fat * 0.72, 0.5), (0.5 + side * fat * 1.15, 0.6), (0.5 + side * fat * 1.2, 0.72)], closed=False)
        arm = stroke(line, 0.115)
        if wear is not None:
            canvas.add(arm, design.trim.rgb, MATERIALS["wool"], added(puffed(arm, 0.05, 1.3), ribbed(arm, 44, 0.12)), lift=0.014)
        else:
            canvas.add(arm, own, design.surface, puffed(arm, 0.05, 1.3), lift=0.014)
        _soft(canvas, [(0.5 + side * fat * 1.2, 0.745, 0.06, 0.058)], own, design)


def _face(canvas: Canvas, place: tuple[float, float, float], pale: RGB, *, panda: bool, own: RGB, kind_name: str) -> None:
    x, y, r = place
    kind = MATERIALS[kind_name]
    snout = polygon(ellipse(x, y + r * 0.36, r * 0.5, r * 0.4))
    if panda:
        for side in (-1, 1):
            patch = polygon(ellipse(x + side * r * 0.42, y - r * 0.06, r * 0.25, r * 0.28))
            canvas.print(patch, darker(own, 0.65))
    canvas.add(snout, pale, kind, puffed(snout, 0.04, 1.2), lift=0.006)
    nose = polygon(spline([(x - r * 0.17, y + r * 0.16), (x, y + r * 0.12), (x + r * 0.17, y + r * 0.16), (x, y + r * 0.36)]))
    canvas.add(nose, (0.1, 0.07, 0.07), _PLASTIC, puffed(nose, 0.016, 1.2))
    canvas.print(stroke(path((x, y + r * 0.34), (x, y + r * 0.5)), 0.008), (0.12, 0.08, 0.08))
    canvas.print(stroke(ellipse(x, y + r * 0.44, r * 0.22, r * 0.14, 20, 160), 0.008), (0.12, 0.08, 0.08))
    for side in (-1, 1):
        eye = polygon(ellipse(x + side * r * 0.42, y - r * 0.08, r * 0.11, r * 0.12))
        canvas.add(eye, (0.06, 0.05, 0.05), _GLASS, puffed(eye, 0.014, 1.3))
        spark = polygon(ellipse(x + side * r * 0.42 - 0.006, y - r * 0.12, 0.006, 0.006))
        canvas.print(spark, (1.0, 1.0, 1.0))


def _neckwear(canvas: Canvas, design: Design, y: float) -> None:
    paint, cloth = design.accent.rgb, MATERIALS["cotton"]
    if design.knobs[3] > 0.6:
        scarf = stroke(spline([(0.36, y - 0.02), (0.5, y + 0.025), (0.64, y - 0.02)], closed=False), 0.06)
        canvas.add(scarf, paint, MATERIALS["wool"], added(puffed(scarf, 0.025, 1.2), ribbed(scarf, 60, 0.25)), lift=0.012)
        end = polygon(path((0.55, y), (0.615, y - 0.01), (0.64, y + 0.17), (0.565, y + 0.18)))
        canvas.add(end, paint, MATERIALS["wool"], added(puffed(end, 0.02), ribbed(end, 60, 0.25, upright=False)), lift=0.012)
    elif design.knobs[3] > 0.25:
        for side in (-1, 1):
            wing = polygon(spline([(0.5, y + 0.01), (0.5 + side * 0.1, y - 0.04), (0.5 + side * 0.115, y + 0.02), (0.5 + side * 0.1, y + 0.065)]))
            canvas.add(wing, paint, cloth, puffed(wing, 0.03, 1.2), lift=0.012)
        knot = polygon(ellipse(0.5, y + 0.012, 0.026, 0.03))
        canvas.add(knot, darker(paint, 0.12), cloth, puffed(knot, 0.016, 1.2), lift=0.008)


def draw_cushion(design: Design, view: View) -> Canvas:
    """Draw a cushion: square, round or oblong, with piping, tassels, buttons."""
    del view
    canvas, kind = Canvas(), design.surface
    wide, tall = {"square": (0.38, 0.38), "round": (0.38, 0.38), "oblong": (0.43, 0.27), "bolster": (0.43, 0.16)}[design.shape]
    tall *= 0.94 + 0.12 * design.knobs[0]
    if design.shape == "round":
        edge = ellipse(0.5, 0.5, wide, tall)
    elif design.shape == "bolster":
        edge = rectangle(0.5 - wide, 0.5 - tall, 0.5 + wide, 0.5 + tall, 0.06)
    else:
        pinch = 0.035 + 0.02 * design.knobs[1]
        edge = spline([(0.5 - wide, 0.5 - tall), (0.5, 0.5 - tall + pinch), (0.5 + wide, 0.5 - tall), (0.5 + wide - pinch, 0.5), (0.5 + wide, 0.5 + tall), (0.5, 0.5 + tall - pinch), (0.5 - wide, 0.5 + tall), (0.5 - wide + pinch, 0.5)])
    if design.knobs[2] > 0.72 and design.shape in {"square", "oblong"}:
        for sx in (-1, 1):
            for sy in (-1, 1):
                x, y = 0.5 + sx * wide, 0.5 + sy * tall
                tassel = stroke(path((x, y), (x + sx * 0.045, y + sy * 0.045)), 0.035)
                canvas.add(tassel, design.trim.rgb, MATERIALS["wool"], puffed(tassel, 0.016, 1.2))
    hull = polygon(edge)
    slopes = added(puffed(hull, 0.17, 1.15), creased(hull, design.seed, 0.12, 0.2))
    canvas.add(hull, laid(design.print, hull, 0.5, 0.5, scale=1.45 if design.pattern.endswith(" print") else 1.0), kind, slopes)
    if design.knobs[2] > 0.3:
        piping = stroke(np.concatenate([edge, edge[:1]]), 0.016)
        canvas.add(piping, design.trim.rgb, kind, puffed(piping, 0.008, 1.3))
    if design.knobs[3] > 0.7 and not design.pattern.endswith(" print"):
        dent = polygon(ellipse(0.5, 0.5, 0.07, 0.07))
        canvas.darken(dent, 0.05, 0.45)
        button = polygon(ellipse(0.5, 0.5, 0.03, 0.03))
        canvas.add(button, design.trim.rgb, kind, puffed(button, 0.02, 1.2), lift=0.01)
    return canvas


CARS = Category(
    "Toys", "Toy cars",
    {"saloon": "saloon car", "beetle": "beetle car", "van": "camper van", "racer": "racing car", "pickup": "pickup truck"},
    ("plastic", "enamel", "wood"),
    ("plain", "stripes", "bands", "diagonal", "block", "split", "dots", "checks", "camouflage", "lightning print", "star print", "sun print", "heart print", "fish print", "chevron", "waves", "star all-over", "daisy print", "leaf all-over"),
    (6.9, 29.9), draw_car, both_ways=True, size=0.95,
)  # fmt: skip
TEDDIES = Category(
    "Toys", "Teddy bears",
    {"bear": "teddy bear", "panda": "panda bear", "rabbit": "plush rabbit"},
    ("plush", "wool", "velvet"),
    ("plain", "stripes", "breton", "dots", "checks", "heart print", "star print", "chevron", "tartan", "split", "diagonal", "daisy print", "rocket print", "anchor print", "waves", "lightning print", "moon print"),
    (14.9, 49.9), draw_teddy, size=1.1,
)  # fmt: skip
CUSHIONS = Category(
    "Home", "Cushions",
    {"square": "cushion", "round": "round cushion", "oblong": "oblong cushion", "bolster": "bolster cushion"},
    ("linen", "velvet", "cotton", "wool"),
    ("plain", "stripes", "pinstripes", "diagonal", "dots", "checks", "tartan", "chevron", "waves", "triangles", "split", "sprigs", "bands", "cat print", "anchor print", "mountain print", "sun print", "moon print", "fir tree print", "fish print", "heart print", "leaf all-over", "toadstool all-over", "star all-over", "cherry all-over"),
    (9.9, 44.9), draw_cushion, lies=True, size=0.95,
)  # fmt: skip
