"""The category Home > Cushions."""

import numpy as np

from api.demo.canvas import Canvas, added, polygon, puffed, stroke
from api.demo.design import Category, Design, View
from api.demo.materials import MATERIALS
from api.demo.outline import ellipse, path, rectangle, spline
from api.demo.patterns import laid
from api.demo.products.cloth import creased


def draw_cushion(design: Design, view: View) -> Canvas:
    """Draw a cushion: square, round or oblong, with piping, tassels, buttons."""
    del view
    canvas, kind = Canvas(), design.surface
    wide, tall = {
        "square": (0.38, 0.38),
        "round": (0.38, 0.38),
        "oblong": (0.43, 0.27),
        "bolster": (0.43, 0.16),
    }[design.shape]
    tall *= 0.94 + 0.12 * design.knobs[0]
    if design.shape == "round":
        edge = ellipse(0.5, 0.5, wide, tall)
    elif design.shape == "bolster":
        edge = rectangle(0.5 - wide, 0.5 - tall, 0.5 + wide, 0.5 + tall, 0.06)
    else:
        pinch = 0.02 + 0.02 * design.knobs[1]
        edge = spline(
            [
                (0.5 - wide, 0.5 - tall),
                (0.5, 0.5 - tall + pinch),
                (0.5 + wide, 0.5 - tall),
                (0.5 + wide - pinch, 0.5),
                (0.5 + wide, 0.5 + tall),
                (0.5, 0.5 + tall - pinch),
                (0.5 - wide, 0.5 + tall),
                (0.5 - wide + pinch, 0.5),
            ]
        )
    if design.knobs[2] > 0.72 and design.shape in {"square", "oblong"}:
        for sx in (-1, 1):
            for sy in (-1, 1):
                x, y = 0.5 + sx * wide, 0.5 + sy * tall
                tassel = stroke(path((x, y), (x + sx * 0.045, y + sy * 0.045)), 0.035)
                canvas.add(tassel, design.trim.rgb, MATERIALS["wool"], puffed(tassel, 0.016, 1.2))
    hull = polygon(edge)
    slopes = added(puffed(hull, 0.17, 1.15), creased(hull, design.seed, 0.12, 0.2))
    canvas.add(
        hull,
        laid(
            design.print, hull, 0.5, 0.5, scale=1.45 if design.pattern.endswith(" print") else 1.0
        ),
        kind,
        slopes,
    )
    if design.knobs[2] > 0.3:
        piping = stroke(np.concatenate([edge, edge[:1]]), 0.016)
        canvas.add(piping, design.trim.rgb, kind, puffed(piping, 0.008, 1.3))
    if design.knobs[3] > 0.7 and not design.pattern.endswith(" print"):
        dent = polygon(ellipse(0.5, 0.5, 0.07, 0.07))
        canvas.darken(dent, 0.05, 0.45)
        button = polygon(ellipse(0.5, 0.5, 0.03, 0.03))
        canvas.add(button, design.trim.rgb, kind, puffed(button, 0.02, 1.2), lift=0.01)
    return canvas


CUSHIONS = Category(
    "Home", "Cushions", "CUS",
    {"square": "cushion", "round": "round cushion", "oblong": "oblong cushion",
        "bolster": "bolster cushion"},
    ("linen", "velvet", "cotton", "wool"),
    ("plain", "stripes", "pinstripes", "diagonal", "dots", "checks", "tartan", "chevron",
        "waves", "triangles", "split", "sprigs", "bands", "cat print", "anchor print",
        "mountain print", "sun print", "moon print", "fir tree print", "fish print", "heart print",
        "leaf all-over", "toadstool all-over", "star all-over", "cherry all-over"),
    (9.9, 44.9), draw_cushion, lies=True, size=0.95,
)  # fmt: skip
