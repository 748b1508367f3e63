"""What decides the pixels that the network sees: ImageSpec for a model, Crop for a request."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vsearch.errors import BundleError
from vsearch.photo_problems import ImageError, ImageProblem

Fit = Literal["crop", "stretch", "pad"]
Interpolation = Literal["bilinear", "bicubic", "lanczos"]
Box = tuple[float, float, float, float]

_SIZES = range(8, 2049)


@dataclass(frozen=True)
class ImageSpec:
    """Everything that decides pixels; part of the embedding_fingerprint.

    Raises:
        BundleError: a value that cannot be used; the message names it.
    """

    size: int = 224
    """Side of the square, pixels."""
    fit: Fit = "crop"
    """`crop`: shorter side to the square, centre kept; `stretch`: both sides to the square;
    `pad`: longer side to the square, white border."""
    scale: float = 1.0
    """`crop` only: the part of the shorter side that is kept (ImageNet networks use 0.875)."""
    interpolation: Interpolation = "bicubic"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    """RGB, of values in 0..1; applied in the network, not to the pixels here."""
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        # Through `vars`, because the values may come from a file and be of any type.
        values: dict[str, Any] = vars(self)
        _require(type(values["size"]) is int and self.size in _SIZES, self, "size", "8 to 2048")
        _require(values["fit"] in ("crop", "stretch", "pad"), self, "fit", "crop, stretch or pad")
        _require(_is_number(values["scale"]) and 0.1 <= self.scale <= 1, self, "scale", "0.1 to 1")
        methods = ("bilinear", "bicubic", "lanczos")
        _require(values["interpolation"] in methods, self, "interpolation", " or ".join(methods))
        _require(_is_rgb(values["mean"]), self, "mean", "three numbers")
        _require(_is_rgb(values["std"]) and min(self.std) > 0, self, "std", "three above 0")

    @property
    def resize_side(self) -> int:
        """The side, in pixels, to which the photo's shorter side is resized before the crop."""
        return round(self.size / self.scale) if self.fit == "crop" else self.size

    def to_json(self) -> dict[str, object]:
        """Return the values as JSON types; equal specs give equal documents."""
        return {
            "size": self.size,
            "fit": self.fit,
            "scale": float(self.scale),
            "interpolation": self.interpolation,
            "mean": [float(value) for value in self.mean],
            "std": [float(value) for value in self.std],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> "ImageSpec":
        """Return the spec that `to_json` wrote.

        Raises:
            BundleError: a value is missing, unknown or cannot be used.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        if sorted(values) != sorted(names):
            raise BundleError(f"an image spec has the keys {names}; this one has {list(values)}")
        arguments: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return cls(**arguments)


def _require(holds: bool, spec: ImageSpec, name: str, expected: str) -> None:
    if not holds:
        value = getattr(spec, name)
        raise BundleError(f"image spec: {name} is {value!r}; expected {expected}")


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


def _is_rgb(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 3 and all(map(_is_number, value))


@dataclass(frozen=True)
class Crop:
    """A rectangle of the upright photo, as fractions 0..1 of its width and height.

    Raises:
        ImageError: reason `bad_crop`; the rectangle is empty or leaves the photo.
    """

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        tolerance = 1e-6  # of fractions that a client rounded
        numbers = dataclasses.astuple(self)
        inside = (
            all(map(math.isfinite, numbers))
            and min(self.x, self.y) >= 0
            and min(self.width, self.height) > 0
            and max(self.x + self.width, self.y + self.height) <= 1 + tolerance
        )
        if not inside:
            raise ImageError(
                ImageProblem.BAD_CROP,
                f"the crop {numbers} is empty or leaves the photo: x, y, width and height are "
                "fractions of the photo, 0 to 1, with width and height above 0",
            )

    @classmethod
    def parse(cls, text: str) -> "Crop":
        """Return the crop written as `x,y,width,height`.

        Raises:
            ImageError: reason `bad_crop`.
        """
        try:
            x, y, width, height = (float(part) for part in text.split(","))
        except ValueError as error:
            raise ImageError(
                ImageProblem.BAD_CROP,
                f"the crop “{text}” is not of the form x,y,width,height, such as 0.1,0.2,0.5,0.5",
            ) from error
        return cls(x, y, width, height)

    def box(self, width: int, height: int) -> Box:
        """Return left, top, right and bottom in pixels of a photo of this size.

        The box lies within the photo and is at least one pixel wide and high.
        """
        left, right = _span(self.x, self.width, width)
        top, bottom = _span(self.y, self.height, height)
        return left, top, right, bottom


def _span(start: float, length: float, pixels: int) -> tuple[float, float]:
    extent = min(max(length * pixels, 1.0), float(pixels))
    first = min(start * pixels, pixels - extent)
    return first, min(first + extent, float(pixels))
