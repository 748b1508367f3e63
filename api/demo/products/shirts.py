"""The category Fashion > T-shirts."""

import numpy as np

from api.demo.canvas import Canvas, added, polygon, puffed, stroke
from api.demo.design import Category, Design, View
from api.demo.materials import MATERIALS
from api.demo.outline import Points, ellipse, path, rectangle, spline, symmetric, xy
from api.demo.palette import RGB, darker, lighter
from api.demo.patterns import laid
from api.demo.products.cloth import creased, ribbed

_COTTON = MATERIALS["cotton"]


def draw_shirt(design: Design, view: View) -> Canvas:
    """Draw a T-shirt laid flat: body, sleeves, collar, hems, print."""
    canvas, own, kind = Canvas(), design.colour.rgb, design.surface
    half = 0.22 + 0.035 * design.knobs[0]
    low = 0.87 + 0.06 * design.knobs[1]
    long = design.shape == "long"
    contrast = design.shape == "ringer" or design.knobs[3] > 0.7
    cuff = design.trim.rgb if contrast else own
    folds = design.seed
    raglan = design.shape == "raglan"
    for side in (-1, 1):
        sleeve = _sleeve(half, side, long=long)
        mask = polygon(sleeve)
        paint = (
            design.trim.rgb if raglan else laid(design.print, mask, 0.5, 0.44, degrees=side * -24.0)
        )
        if design.pattern.endswith(" print") and not raglan:
            paint = own
        canvas.add(
            mask,
            paint,
            kind,
            added(puffed(mask, 0.025, 0.8), creased(mask, folds + side, 0.2, 0.09)),
        )
        band = stroke(sleeve[[1, 2]] * 0.985 + 0.0075, 0.028).within(mask)
        canvas.print(band, cuff)
        canvas.groove(_inset(sleeve[1], sleeve[2], 0.028 * side), 0.004, 0.35)
    dip = 0.2 if design.shape == "v-neck" else 0.125
    neck = 0.09
    right = np.concatenate(
        [
            path((0.5 + neck, 0.085), (0.5 + half * 0.98, 0.15)),
            spline(
                [
                    (0.5 + half * 0.98, 0.15),
                    (0.5 + half * 0.9, 0.28),
                    (0.5 + half * 0.94, 0.4),
                    (0.5 + half * 0.95, 0.65),
                    (0.5 + half, low),
                ],
                closed=False,
            ),
        ]
    )
    torso = polygon(symmetric(right))
    slopes = added(
        puffed(torso, 0.03, 0.8),
        creased(torso, folds, 0.17, 0.13),
        creased(torso, folds + 9, 0.07, 0.05),
    )
    canvas.add(
        torso,
        laid(
            design.print, torso, 0.5, 0.42, scale=1.2 if design.pattern.endswith(" print") else 1.0
        ),
        kind,
        slopes,
        lift=0.006,
    )
    for side in (-1, 1):
        canvas.groove(
            spline(
                [
                    (0.5 + side * half * 0.98, 0.15),
                    (0.5 + side * half * 0.9, 0.28),
                    (0.5 + side * half * 0.94, 0.4),
                ],
                closed=False,
            ),
            0.005,
            0.35,
        )
    canvas.groove(path((0.5 - half, low - 0.025), (0.5 + half, low - 0.025)), 0.004, 0.3)
    _collar(canvas, design, neck, dip, cuff)
    if design.shape == "pocket":
        pocket = polygon(path(*xy("0.56,0.3 0.66,0.3 0.66,0.4 0.61,0.43 0.56,0.4")))
        canvas.add(pocket, design.trim.rgb, kind, puffed(pocket, 0.01, 0.6), lift=0.008)
        canvas.stitch(path((0.565, 0.315), (0.655, 0.315)), lighter(design.trim.rgb, 0.5))
    del view
    return canvas


def _sleeve(half: float, side: int, *, long: bool) -> Points:
    reach, drop = (0.43, 0.74) if long else (0.42, 0.36)
    width = 0.1 if long else 0.15
    inner = 0.42 if long else 0.38
    corners = [
        (half * 0.9, 0.14),
        (reach, drop - width * 0.2),
        (reach - width, drop + 0.06),
        (half * 0.9, inner),
    ]
    return path(*[(0.5 + side * x, y) for x, y in corners])


def _inset(one: Points, other: Points, by: float) -> Points:
    shift = np.array([-by, -abs(by) * 0.7])
    return np.stack([one + shift, other + shift])


def _collar(canvas: Canvas, design: Design, neck: float, dip: float, paint: RGB) -> None:
    inside = polygon(ellipse(0.5, 0.085, neck, 0.028))
    canvas.add(inside, darker(design.colour.rgb, 0.4), _COTTON)
    if design.shape == "v-neck":
        hole = path((0.5 - neck, 0.083), (0.5 + neck, 0.083), (0.5, dip))
        line = path((0.5 - neck, 0.083), (0.5, dip), (0.5 + neck, 0.083))
    else:
        hole = ellipse(0.5, 0.083, neck, dip - 0.083, 0, 180)
        line = hole
    canvas.cut([polygon(hole)])
    back = ellipse(0.5, 0.083, neck, 0.03, 0, 180)
    canvas.add(
        polygon(np.concatenate([back, path((0.5 - neck, 0.07), (0.5 + neck, 0.07))])),
        darker(design.colour.rgb, 0.35),
        _COTTON,
    )
    label = polygon(rectangle(0.482, 0.092, 0.518, 0.108))
    canvas.add(label, (0.95, 0.95, 0.92), _COTTON)
    rib = stroke(line, 0.03)
    canvas.add(
        rib, paint, _COTTON, added(puffed(rib, 0.013, 0.9), ribbed(rib, 150, 0.12)), lift=0.006
    )


SHIRTS = Category(
    "Fashion", "T-shirts", "TEE",
    {"crew": "T-shirt", "v-neck": "V-neck T-shirt", "long": "long-sleeved T-shirt",
        "ringer": "ringer T-shirt", "raglan": "raglan T-shirt", "pocket": "pocket T-shirt"},
    ("cotton", "linen"),
    ("plain", "stripes", "breton", "block", "bands", "dots", "split", "camouflage", "ombre",
        "cat print", "anchor print", "mountain print", "sun print", "moon print", "lightning print",
        "fish print", "fir tree print", "rocket print", "heart print", "star print",
        "toadstool print", "sailboat print", "cherry print", "leaf all-over", "daisy print"),
    (12.9, 39.9), draw_shirt, lies=True,
)  # fmt: skip
