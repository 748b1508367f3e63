"""The department Bags: backpacks, handbags, suitcases."""

import numpy as np

from api.demo.canvas import Canvas, Mask, Slopes, added, polygon, puffed, rounded_rows, stroke
from api.demo.design import Category, Design, View
from api.demo.materials import MATERIALS
from api.demo.outline import Points, ellipse, mirrored, path, rectangle, spline, symmetric
from api.demo.palette import BRASS, RGB, RUBBER, STEEL, darker, lighter, mix
from api.demo.patterns import laid
from api.demo.products.cloth import creased

_METAL = MATERIALS["steel"]
_NYLON = MATERIALS["nylon"]


def _zip(canvas: Canvas, line: Points, tape: RGB, puller: RGB, at: float = 0.75) -> None:
    canvas.add(stroke(line, 0.014), darker(tape, 0.45), _NYLON)
    canvas.stitch(line, STEEL, 0.006)
    x, y = line[int(at * (len(line) - 1))]
    pull = polygon(rectangle(x - 0.008, y, x + 0.008, y + 0.04, 0.006))
    canvas.add(pull, puller, MATERIALS["plastic"], lift=0.008)


def _label(canvas: Canvas, x: float, y: float, paint: RGB, size: float = 0.035) -> None:
    patch = polygon(rectangle(x - size, y - size * 0.6, x + size, y + size * 0.6, 0.006))
    canvas.add(patch, paint, MATERIALS["leather"], puffed(patch, 0.008, 0.6), lift=0.006)
    canvas.groove(path((x - size * 0.5, y), (x + size * 0.5, y)), 0.008, 0.45)


def draw_backpack(design: Design, view: View) -> Canvas:
    """Draw a backpack from the front: body, lid or zip, front pocket, straps, handle."""
    canvas, kind = Canvas(), design.surface
    half, top = 0.25 + 0.05 * design.knobs[0], 0.15 + 0.04 * design.knobs[1]
    low, shift = 0.93, 0.05 * float(np.sin(view.yaw))
    trim = design.trim.rgb
    for side in (-1, 1):
        x = 0.5 + side * half
        strap = spline([(0.5 + side * 0.1, top + 0.03), (x + side * 0.02, top + 0.16), (x + side * 0.05, 0.6), (x - side * 0.02, 0.86)], closed=False)
        web = stroke(strap, 0.05)
        canvas.add(web, darker(trim, 0.15), _NYLON, puffed(web, 0.02))
    loop = ellipse(0.5, top + 0.015, 0.075, 0.075, 180, 360)
    grip = stroke(loop, 0.026)
    canvas.add(grip, trim, _NYLON, puffed(grip, 0.012, 1.2))
    round_top = 0.16 if design.shape == "daypack" else 0.07
    shape = spline([(0.5, top), (0.5 + half * 0.62, top + 0.01), (0.5 + half * 0.95, top + round_top), (0.5 + half * 1.02, 0.55), (0.5 + half * 1.04, 0.84), (0.5 + half * 0.86, low), (0.5, low + 0.012)], closed=False)
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
    canvas.add(pocket, paint, kind, added(puffed(pocket, 0.04, 1.0), creased(pocket, design.seed + 1, 0.07, 0.12)), lift=0.018)
    arch = spline([(middle - pocket_wide * 0.9, 0.68), (middle - pocket_wide * 0.5, 0.648), (middle + pocket_wide * 0.5, 0.648), (middle + pocket_wide * 0.9, 0.68)], closed=False)
    _zip(canvas, arch, own, trim, 0.8)
    if design.shape == "daypack":
        arc = spline([(middle - half * 0.84, 0.52), (middle - half * 0.8, top + 0.14), (middle, top + 0.06), (middle + half * 0.8, top + 0.14), (middle + half * 0.84, 0.52)], closed=False)
        _zip(canvas, arc, own, trim, 0.3)
        _label(canvas, middle, 0.56, trim if not second else darker(own, 0.35))
        return
    flap_low = 0.44 if design.shape == "rucksack" else 0.34
    edge = spline([(0.5, top - 0.012), (0.5 + half * 0.7, top), (0.5 + half * 1.0, top + 0.07), (0.5 + half * 0.98, flap_low - 0.03), (0.5 + half * 0.7, flap_low + 0.02), (0.5, flap_low + 0.03)], closed=False)
    flap = polygon(symmetric(edge))
    canvas.add(flap, laid(design.print, flap, middle, 0.5), kind, puffed(flap, 0.05, 1.0), lift=0.02)
    canvas.stitch(symmetric(edge * np.array([0.95, 1]) + np.array([0.025, -0.014])), lighter(own, 0.4))
    for x in (middle - half * 0.45, middle + half * 0.45) if design.shape == "rucksack" else (middle,):
        web = polygon(rectangle(x - 0.02, top + 0.1, x + 0.02, 0.6, 0.01))
        canvas.add(web, mix(trim, (0.3, 0.2, 0.12), 0.3), MATERIALS["leather"], puffed(web, 0.012), lift=0.01)
        buckle = stroke(rectangle(x - 0.03, flap_low + 0.05, x + 0.03, flap_low + 0.1, 0.008), 0.011)
        canvas.add(buckle, BRASS, MATERIALS["brass"], puffed(buckle, 0.006, 1.2), lift=0.006)


def draw_handbag(design: Design, view: View) -> Canvas:
    """Draw a handbag: tote, satchel, bucket or clutch, with handles and fittings."""
    canvas = Canvas()
    wide = 0.27 + 0.06 * design.knobs[0]
    top = {"tote": 0.38, "satchel": 0.42, "bucket bag": 0.40, "shoulder bag": 0.46}[design.shape]
    top -= 0.05 * design.knobs[1]
    low, shift = 0.9, 0.04 * float(np.sin(view.yaw))
    upper, lower = {"tote": (1.08, 0.86), "satchel": (0.92, 1.0), "bucket bag": (0.8, 0.92), "shoulder bag": (0.95, 1.05)}[design.shape]
    if design.shape == "bucket bag":
        wide *= 0.84
    _bag_handles(canvas, design, wide * upper, top, behind=True)
    sag = 0.02 if design.shape == "tote" else -0.012
    shape = spline([(0.5, top + sag), (0.5 + wide * upper * 0.9, top), (0.5 + wide * (upper + lower) / 2 * 1.03, (top + low) / 2), (0.5 + wide * lower, low - 0.05), (0.5 + wide * lower * 0.9, low), (0.5, low + 0.006)], closed=False)
    hull = polygon(symmetric(shape))
    soft = 0.24 if design.shape in {"tote", "bucket bag"} else 0.1
    slopes = added(puffed(hull, 0.06, 1.0), creased(hull, design.seed, soft, 0.2))
    canvas.add(hull, laid(design.print, hull, 0.5 + shift, (top + low) / 2), design.surface, slopes, lift=0.012)
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
    line = spline([(0.5 - spread, top + drop), (0.5 - spread * 0.92, top - rise * 0.5 - lift), (0.5, top - rise - lift), (0.5 + spread * 0.92, top - rise * 0.5 - lift), (0.5 + spread, top + drop)], closed=False)
    strap = stroke(line, 0.026)
    canvas.add(strap, darker(paint, 0.35) if behind and not long else paint, leather, puffed(strap, 0.013, 1.3), lift=0.0 if behind else 0.01)
    if not behind:
        for side in (-1, 1):
            tab = polygon(rectangle(0.5 + side * spread - 0.022, top + 0.05, 0.5 + side * spread + 0.022, top + 0.14, 0.02))
            canvas.add(tab, paint, leather, puffed(tab, 0.012), lift=0.008)
            rivet = polygon(ellipse(0.5 + side * spread, top + 0.12, 0.008, 0.008))
            canvas.add(rivet, BRASS, MATERIALS["brass"], puffed(rivet, 0.006))


def _bag_front(canvas: Canvas, design: Design, wide: tuple[float, float, float], span: tuple[float, float], shift: float) -> None:
    width, upper, lower = wide
    top, low = span
    trim, leather, middle = design.trim.rgb, MATERIALS["leather"], 0.5 + shift
    if design.shape in {"satchel", "shoulder bag"}:
        deep = top + (low - top) * (0.42 + 0.2 * design.knobs[3])
        edge = spline([(0.5, top - 0.016), (0.5 + width * upper * 0.95, top - 0.004), (0.5 + width * upper * 1.0, (top + deep) / 2), (0.5 + width * upper * 0.75, deep - 0.01), (0.5, deep + 0.03)], closed=False)
        flap = polygon(symmetric(edge))
        paint = laid(design.print, flap, middle, (top + low) / 2)
        canvas.add(flap, paint, design.surface, puffed(flap, 0.035, 1.0), lift=0.02)
        canvas.stitch(symmetric(edge * np.array([0.955, 1]) + np.array([0.0225, -0.014])), lighter(trim, 0.3))
        lock = polygon(rectangle(middle - 0.035, deep - 0.02, middle + 0.035, deep + 0.055, 0.016))
        canvas.add(lock, BRASS, MATERIALS["brass"], puffed(lock, 0.012), lift=0.008)
    elif design.shape == "bucket bag":
        cord = spline([(0.5 - width * upper, top + 0.08), (0.5, top + 0.1), (0.5 + width * upper, top + 0.08)], closed=False)
        canvas.add(stroke(cord, 0.014), trim, leather, lift=0.006)
        for side in (-1, 1):
            tassel = stroke(spline([(middle, top + 0.1), (middle + side * 0.03, top + 0.2), (middle + side * 0.035, top + 0.28)], closed=False), 0.012)
            canvas.add(tassel, trim, leather, puffed(tassel, 0.006), lift=0.006)
    if design.shape in {"tote", "bucket bag"}:
        foot_y = low - 0.085
        half = width * lower * 1.06
        base = polygon(rectangle(0.5 - half, foot_y, 0.5 + half, low + 0.05)).within(polygon(symmetric(spline([(0.5, top), (0.5 + half, top), (0.5 + half, low - 0.05), (0.5 + half * 0.86, low), (0.5, low + 0.006)], closed=False))))
        base = Mask(base.left, base.top, base.cover & canvas.cover[base.window])
        canvas.print(base, trim)
        _label(canvas, middle, top + 0.2, trim, 0.04)


_LINES = {"upright": (0.235, 0.25), "cabin": (0.22, 0.36), "trunk": (0.30, 0.30)}


def draw_suitcase(design: Design, view: View) -> Canvas:
    """Draw a suitcase: shell with ribs, wheels, handle, lock, corner guards."""
    canvas, kind = Canvas(), design.surface
    half, top = _LINES[design.shape]
    half, top = half * (0.94 + 0.16 * design.knobs[0]), top + 0.05 * design.knobs[1]
    low, trim, own = 0.89, design.trim.rgb, design.colour.rgb
    shift = 0.03 * float(np.sin(view.yaw))
    if design.shape == "trunk":
        grip = stroke(spline([(0.4, top), (0.41, top - 0.07), (0.5, top - 0.085), (0.59, top - 0.07), (0.6, top)], closed=False), 0.03)
        canvas.add(grip, trim, MATERIALS["leather"], puffed(grip, 0.015, 1.3))
    else:
        for side in (-1, 1):
            rod = polygon(rectangle(0.5 + side * 0.09 - 0.009, top - 0.17, 0.5 + side * 0.09 + 0.009, top + 0.02))
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
    canvas.add(hull, laid(design.print, hull, 0.5 + shift, (top + low) / 2), kind, slopes, lift=0.012)
    canvas.groove(rectangle(0.5 - half + 0.016, top + 0.016, 0.5 + half - 0.016, low - 0.016, corner), 0.007, 0.35)
    _fittings(canvas, design, (half, top, low), shift)
    if design.shape != "trunk":
        _label(canvas, 0.5 + shift, top + 0.1, mix(own, (0.1, 0.1, 0.1), 0.6), 0.03)
    return canvas


def _ribs(hull: Mask, design: Design) -> Slopes:
    x, y = hull.grid()
    count = 18 + 16 * design.knobs[2]
    upright = design.knobs[3] > 0.35
    wave = np.sin((x if upright else y) * np.float32(2 * np.pi * count)) * np.float32(0.26)
    flat = np.zeros(hull.cover.shape, np.float32)
    return (flat + wave, flat) if upright else (flat, flat + wave)


def _fittings(canvas: Canvas, design: Design, shell: tuple[float, float, float], shift: float) -> None:
    half, top, low = shell
    trim, leather = design.trim.rgb, MATERIALS["leather"]
    if design.shape == "trunk":
        for x in (0.5 - half * 0.55, 0.5 + half * 0.55):
            belt = polygon(rectangle(x - 0.024 + shift, top, x + 0.024 + shift, low))
            canvas.add(belt, trim, leather, puffed(belt, 0.012), lift=0.01)
            buckle = stroke(rectangle(x - 0.034 + shift, top + 0.12, x + 0.034 + shift, top + 0.19, 0.01), 0.012)
            canvas.add(buckle, BRASS, MATERIALS["brass"], puffed(buckle, 0.006), lift=0.006)
        tip = polygon(path((0.5 - half, top), (0.5 - half + 0.09, top), (0.5 - half, top + 0.09)))
        for guard in (tip, polygon(mirrored(path((0.5 - half, top), (0.5 - half + 0.09, top), (0.5 - half, top + 0.09))))):
            canvas.print(Mask(guard.left, guard.top, guard.cover & canvas.cover[guard.window]), trim)
        return
    lock = polygon(rectangle(0.5 + half - 0.05, (top + low) / 2 - 0.05, 0.5 + half - 0.012, (top + low) / 2 + 0.05, 0.01))
    canvas.add(lock, darker(trim, 0.2), MATERIALS["plastic"], puffed(lock, 0.012), lift=0.006)
    side = polygon(rectangle(0.5 - half - 0.012, (top + low) / 2 - 0.07, 0.5 - half + 0.016, (top + low) / 2 + 0.07, 0.012))
    canvas.add(side, trim, MATERIALS["plastic"], puffed(side, 0.012), lift=0.006)


_ON_BAGS = (
    "plain", "stripes", "breton", "diagonal", "dots", "checks", "tartan", "chevron", "waves", "triangles",
    "camouflage", "block", "bands", "split", "sprigs", "leaf all-over", "star all-over", "cat all-over",
    "lightning all-over", "terrazzo", "moon all-over", "toadstool all-over",
)  # fmt: skip
BACKPACKS = Category("Bags", "Backpacks", {"daypack": "daypack", "rucksack": "buckled rucksack", "flap": "flap backpack"}, ("canvas", "nylon", "leather"), _ON_BAGS, (29.9, 119.0), draw_backpack, size=1.05)
HANDBAGS = Category("Bags", "Handbags", {"tote": "tote bag", "satchel": "satchel", "bucket bag": "bucket bag", "shoulder bag": "shoulder bag"}, ("leather", "canvas", "suede"), (*_ON_BAGS, "sun print", "sailboat print", "heart print", "fish print", "cherry all-over"), (24.9, 189.0), draw_handbag)
SUITCASES = Category("Bags", "Suitcases", {"upright": "suitcase", "cabin": "cabin suitcase", "trunk": "travel trunk"}, ("polycarbonate", "leather", "nylon"), (*_ON_BAGS, "marble", "ombre", "mountain print", "rocket print", "sun print"), (59.0, 249.0), draw_suitcase, size=1.1)
