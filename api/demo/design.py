"""What makes one generated product differ from the next, and what a category of them is."""

from collections.abc import Callable
from dataclasses import dataclass

from api.demo.canvas import Canvas
from api.demo.materials import MATERIALS, Material
from api.demo.palette import RGB, Colour
from api.demo.patterns import Pattern


@dataclass(frozen=True)
class Design:
    """One product, as its maker would specify it.

    Attributes:
        shape: one of the category's shapes.
        colour: the main colour, which the title names first.
        accent: the colour of the pattern, and of trims where there is no pattern.
        trim: the colour of a third part: straps, soles, handles, flowers.
        material: what the main part is made of; a key of `MATERIALS`.
        pattern: name of the pattern, see `patterns`.
        coarse: whether the pattern is large.
        knobs: four proportions in 0..1, which each shape reads as it likes.
        seed: decides irregular detail.
    """

    shape: str
    colour: Colour
    accent: Colour
    trim: Colour
    material: str
    pattern: str
    coarse: bool
    knobs: tuple[float, float, float, float]
    seed: int

    @property
    def surface(self) -> Material:
        """The material of the main part."""
        return MATERIALS[self.material]

    @property
    def print(self) -> Pattern:
        """The pattern in the product's colours."""
        return self.on(self.colour.rgb)

    def on(self, ground: RGB) -> Pattern:
        """Return the pattern on a ground of another colour."""
        return Pattern(self.pattern, ground, self.accent.rgb, self.trim.rgb, self.coarse, self.seed)


@dataclass(frozen=True)
class View:
    """From where the product is seen.

    Attributes:
        yaw: how far it is turned to the right about its upright axis, radians.
        pitch: how far above the horizon the camera stands, radians.
    """

    yaw: float = 0.0
    pitch: float = 0.22


@dataclass(frozen=True)
class Category:
    """One category of the shop: what its products can look like, and how to draw them.

    Attributes:
        department, name: the two levels of its path.
        code: begins the ids of its items.
        shapes: the models it sells, with the words of a title.
        materials: what they can be made of.
        patterns: what can be printed on them.
        prices: lowest and highest price, EUR.
        draw: draws a design as seen from a view.
        lies: whether it is photographed lying on a surface rather than standing.
        both_ways: whether its mirror image is the same product (a left and a right shoe).
        size: how much of the photo's height a product fills, about 1.
        settle: makes a design consistent, where not every combination can be built.
        describe: the title, where the usual order of words would not tell what is seen.
    """

    department: str
    name: str
    code: str
    shapes: dict[str, str]
    materials: tuple[str, ...]
    patterns: tuple[str, ...]
    prices: tuple[float, float]
    draw: Callable[[Design, View], Canvas]
    lies: bool = False
    both_ways: bool = False
    size: float = 1.0
    settle: Callable[[Design], Design] | None = None
    describe: Callable[[Design], str] | None = None

    @property
    def path(self) -> str:
        """The category as manifests write it."""
        return f"{self.department} > {self.name}"
