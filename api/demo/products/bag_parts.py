"""What bags have in common: labels and the patterns they come in."""

from api.demo.canvas import Canvas, polygon, puffed
from api.demo.materials import MATERIALS
from api.demo.outline import path, rectangle
from api.demo.palette import RGB


def label(canvas: Canvas, x: float, y: float, paint: RGB, size: float = 0.035) -> None:
    """Sew a maker's label on, its middle at (x, y)."""
    patch = polygon(rectangle(x - size, y - size * 0.6, x + size, y + size * 0.6, 0.006))
    canvas.add(patch, paint, MATERIALS["leather"], puffed(patch, 0.008, 0.6), lift=0.006)
    canvas.groove(path((x - size * 0.5, y), (x + size * 0.5, y)), 0.008, 0.45)


ON_BAGS = (
    "plain", "stripes", "breton", "diagonal", "dots", "checks", "tartan", "chevron", "waves",
        "triangles",
    "camouflage", "block", "bands", "split", "sprigs", "leaf all-over", "star all-over",
        "cat all-over",
    "lightning all-over", "terrazzo", "moon all-over", "toadstool all-over",
)  # fmt: skip
