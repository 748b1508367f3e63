"""The category Toys > Toy cars."""

from api.demo.canvas import Canvas, polygon, puffed, stroke
from api.demo.design import Category, Design, View
from api.demo.materials import MATERIALS
from api.demo.outline import ellipse, path, rectangle, spline, xy
from api.demo.palette import OAK, RUBBER, STEEL, darker, lighter
from api.demo.patterns import laid

_GLASS, _PLASTIC, _PLUSH = MATERIALS["glass"], MATERIALS["plastic"], MATERIALS["plush"]


_CARS = {
    "saloon": (
        xy(
            "0.05,0.66 0.06,0.53 0.14,0.5 0.26,0.48 0.36,0.34 0.6,0.33 0.74,0.48 0.9,0.51 "
            "0.95,0.58 0.95,0.67 0.5,0.69"
        ),
        (0.24, 0.76),
        0.085,
    ),
    "beetle": (
        xy(
            "0.06,0.66 0.07,0.55 0.16,0.45 0.28,0.34 0.45,0.28 0.6,0.34 0.7,0.46 0.84,0.48 "
            "0.93,0.57 0.94,0.67 0.5,0.69"
        ),
        (0.24, 0.77),
        0.09,
    ),
    "van": (
        xy(
            "0.06,0.68 0.06,0.34 0.12,0.27 0.4,0.26 0.74,0.27 0.82,0.32 0.9,0.5 0.95,0.55 "
            "0.95,0.68 0.5,0.7"
        ),
        (0.24, 0.77),
        0.088,
    ),
    "racer": (
        xy(
            "0.04,0.66 0.05,0.56 0.2,0.52 0.36,0.45 0.5,0.44 0.62,0.52 0.85,0.57 0.96,0.63 "
            "0.95,0.68 0.5,0.7"
        ),
        (0.2, 0.77),
        0.098,
    ),
    "pickup": (
        xy(
            "0.05,0.67 0.05,0.5 0.3,0.5 0.44,0.5 0.47,0.32 0.62,0.31 0.72,0.48 0.92,0.52 "
            "0.95,0.6 0.95,0.68 0.5,0.7"
        ),
        (0.22, 0.77),
        0.095,
    ),
}


_WINDOWS = {
    "saloon": (
        xy("0.3,0.48 0.38,0.375 0.48,0.37 0.48,0.48"),
        xy("0.51,0.48 0.51,0.37 0.59,0.37 0.68,0.48"),
    ),
    "beetle": (
        xy("0.27,0.46 0.33,0.37 0.44,0.33 0.44,0.46"),
        xy("0.47,0.46 0.47,0.33 0.57,0.37 0.63,0.46"),
    ),
    "van": (
        xy("0.12,0.47 0.12,0.33 0.3,0.32 0.3,0.47"),
        xy("0.34,0.47 0.34,0.32 0.53,0.32 0.53,0.47"),
        xy("0.58,0.47 0.58,0.32 0.75,0.33 0.82,0.47"),
    ),
    "racer": (xy("0.44,0.5 0.46,0.455 0.54,0.46 0.6,0.52"),),
    "pickup": (xy("0.5,0.49 0.515,0.36 0.6,0.355 0.67,0.49"),),
}


def draw_car(design: Design, view: View) -> Canvas:
    """Draw a toy car from the side: body, windows, door, lights, wheels, stripe or print."""
    del view
    canvas, own, trim, kind = Canvas(), design.colour.rgb, design.trim.rgb, design.surface
    corners, axles, wheel = _CARS[design.shape]
    wheel *= 0.9 + 0.25 * design.knobs[0]
    stretch = 0.9 + 0.2 * design.knobs[1]
    shaped = [(x, 0.68 + (y - 0.68) * stretch) for x, y in corners]
    if design.shape == "racer":
        wing = polygon(
            path(
                *xy(
                    "0.03,0.42 0.17,0.44 0.17,0.47 0.12,0.47 0.12,0.56 0.09,0.56 0.09,0.46 "
                    "0.03,0.455"
                )
            )
        )
        canvas.add(wing, trim, kind, puffed(wing, 0.01))
    sill = polygon(rectangle(0.08, 0.62, 0.93, 0.72, 0.02))
    canvas.add(sill, darker(own, 0.7))
    hull = polygon(spline(shaped))
    canvas.add(hull, laid(design.print, hull, 0.47, 0.56, scale=0.7), kind, puffed(hull, 0.06, 1.2))
    for window in _WINDOWS[design.shape]:
        pane = polygon(path(*[(x, 0.68 + (y - 0.68) * stretch) for x, y in window]))
        canvas.add(pane, (0.42, 0.55, 0.62), _GLASS, puffed(pane, 0.02, 0.6), lift=0.004)
        x0, y0 = pane.left / 448, pane.top / 448
        gleam = polygon(
            path((x0 + 0.06, y0), (x0 + 0.1, y0), (x0 + 0.05, y0 + 0.2), (x0 + 0.01, y0 + 0.2))
        ).within(pane)
        canvas.print(gleam, (0.85, 0.92, 0.95), 0.5)
    _car_details(canvas, design, stretch)
    for x in axles:
        arch = polygon(ellipse(x, 0.69, wheel * 1.15, wheel * 1.15))
        canvas.print(arch.within(hull), darker(own, 0.75))
        tyre = polygon(ellipse(x, 0.7, wheel, wheel))
        wooden = design.material == "wood"
        canvas.add(
            tyre,
            OAK if wooden else RUBBER,
            MATERIALS["wood" if wooden else "rubber"],
            puffed(tyre, 0.03, 1.2),
            lift=0.012,
        )
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
        knob = polygon(
            rectangle(0.505, 0.68 - 0.155 * stretch, 0.545, 0.68 - 0.14 * stretch, 0.006)
        )
        canvas.add(knob, STEEL, MATERIALS["steel"])
    if design.shape == "van" and design.knobs[2] > 0.4:
        for x in (0.2, 0.56):
            canvas.add(polygon(rectangle(x, 0.2, x + 0.02, 0.27)), STEEL)
        board = polygon(spline(xy("0.1,0.2 0.4,0.16 0.72,0.2 0.4,0.215")))
        canvas.add(board, trim, _PLASTIC, puffed(board, 0.02))
    if design.pattern == "plain" and design.knobs[3] > 0.3:
        disc = polygon(ellipse(0.47, 0.6, 0.055, 0.055))
        canvas.print(disc, (0.95, 0.95, 0.93))
        canvas.print(
            stroke(
                path((0.455, 0.58), (0.475, 0.565), (0.475, 0.635))
                if design.seed % 2
                else ellipse(0.47, 0.6, 0.02, 0.028),
                0.013,
            ),
            (0.1, 0.1, 0.1),
        )
    del own


CARS = Category(
    "Toys", "Toy cars", "CAR",
    {"saloon": "saloon car", "beetle": "beetle car", "van": "camper van", "racer": "racing car",
        "pickup": "pickup truck"},
    ("plastic", "enamel", "wood"),
    ("plain", "stripes", "bands", "diagonal", "block", "split", "dots", "checks", "camouflage",
        "lightning print", "star print", "sun print", "heart print", "fish print", "chevron",
        "waves", "star all-over", "daisy print", "leaf all-over"),
    (6.9, 29.9), draw_car, both_ways=True, size=0.95,
)  # fmt: skip
