"""A product is drawn as parts: each part sets colour, slope and material of the pixels it covers.

The drawing is not lit yet: `lighting.light` does that for the light of each photo.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from api.demo.materials import MATERIALS, NAMES, Material, Plane, relief, slopes_of
from api.demo.outline import Points
from api.demo.palette import RGB

SIDE = (
    448  # pixels of a drawing's side: about twice what ends up in a photo, so edges come out smooth
)
HALF, FULL = np.float32(0.5), np.float32(SIDE)

Paint = RGB | NDArray[np.float32]
Slopes = tuple[Plane, Plane]
MATT = MATERIALS["matt"]


@dataclass(frozen=True)
class Mask:
    """The pixels of a part: bool (height, width), at (left, top) of the drawing."""

    left: int
    top: int
    cover: NDArray[np.bool_]

    @property
    def window(self) -> tuple[slice, slice]:
        """The rows and columns of the drawing that the mask spans."""
        height, width = self.cover.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    def within(self, other: "Mask") -> "Mask":
        """Return the part of the mask that the other one covers, too."""
        whole = np.zeros((SIDE, SIDE), bool)
        whole[other.window] = other.cover
        return Mask(self.left, self.top, self.cover & whole[self.window])

    def grid(self) -> tuple[Plane, Plane]:
        """Return x and y (0..1 of the drawing) of the mask's pixels; they broadcast together."""
        height, width = self.cover.shape
        x = np.arange(self.left, self.left + width, dtype=np.float32)
        y = np.arange(self.top, self.top + height, dtype=np.float32)
        return (x.reshape(1, -1) + HALF) / FULL, (y.reshape(-1, 1) + HALF) / FULL


def _blank(points: Points, margin: float) -> tuple[int, int, Image.Image]:
    low = np.clip(np.floor(points.min(axis=0) - margin), 0, SIDE - 2).astype(int)
    high = np.clip(np.ceil(points.max(axis=0) + margin + 1), low + 2, SIDE).astype(int)
    width, height = (high - low).tolist()
    return int(low[0]), int(low[1]), Image.new("L", (width, height))


def _finish(left: int, top: int, image: Image.Image) -> Mask:
    return Mask(left, top, np.asarray(image) > 127)


def polygon(points: Points) -> Mask:
    """Return the inside of an outline."""
    pixels = points * SIDE
    left, top, image = _blank(pixels, 1)
    corners = [(float(x) - left, float(y) - top) for x, y in pixels]
    ImageDraw.Draw(image).polygon(corners, fill=255)
    return _finish(left, top, image)


def stroke(points: Points, width: float) -> Mask:
    """Return a line of `width` (0..1 of the side) along the points, with round ends."""
    pixels, broad = points * SIDE, max(1.0, width * SIDE)
    left, top, image = _blank(pixels, broad)
    corners = [(float(x) - left, float(y) - top) for x, y in pixels]
    draw = ImageDraw.Draw(image)
    draw.line(corners, fill=255, width=round(broad), joint="curve")
    r = broad / 2
    # Discs at the points close the gaps that Pillow leaves between the pieces of a broad line.
    for x, y in corners if broad > 8 else (corners[0], corners[-1]) if broad > 3 else ():
        draw.ellipse((x - r, y - r, x + r, y + r), fill=255)
    return _finish(left, top, image)


def dashes(points: Points, width: float, dash: float, gap: float) -> Mask:
    """Return a seam of stitches along the points; lengths are 0..1 of the side."""
    pixels = points * SIDE
    steps = np.hypot(*np.diff(pixels, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    left, top, image = _blank(pixels, width * SIDE + 1)
    draw = ImageDraw.Draw(image)
    for start in np.arange(0.0, along[-1], (dash + gap) * SIDE):
        at = np.linspace(start, min(start + dash * SIDE, along[-1]), 3)
        xs, ys = np.interp(at, along, pixels[:, 0]), np.interp(at, along, pixels[:, 1])
        corners = [(float(x) - left, float(y) - top) for x, y in zip(xs, ys, strict=True)]
        draw.line(corners, fill=255, width=max(1, round(width * SIDE)))
    return _finish(left, top, image)


def blurred(plane: Plane, radius: float) -> Plane:
    """Return the plane blurred over about `radius` pixels, by shrinking and enlarging it."""
    height, width = plane.shape
    factor = max(1.0, radius / 2.6)
    small = max(2, round(width / factor)), max(2, round(height / factor))
    shrunk = Image.fromarray(plane).resize(small, Image.Resampling.BOX)
    # A box of 5 cells and one of 3 on the small plane: close to a Gaussian, and cheap.
    soft = _box(_box(np.asarray(shrunk, np.float32), 2), 1)
    enlarged = Image.fromarray(soft).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(enlarged, np.float32)


def _box(plane: Plane, reach: int) -> Plane:
    """Average over 2·reach + 1 pixels in both directions; beyond the edges lies nothing."""
    size = 2 * reach + 1
    for _ in range(2):
        total = np.zeros((plane.shape[0] + size, plane.shape[1]), np.float32)
        np.cumsum(plane, axis=0, out=total[reach + 1 : -reach])
        total[-reach:] = total[-reach - 1]
        plane = np.divide(total[size:] - total[:-size], size, dtype=np.float32).T
    return np.ascontiguousarray(plane)


def puffed(mask: Mask, radius: float, strength: float = 1.0) -> Slopes:
    """Return slopes as of a cushion that rises from the mask's edge over `radius` (0..1)."""
    pixels = max(2.0, radius * SIDE)
    pad = round(pixels) + 2
    height = blurred(np.pad(mask.cover.astype(np.float32), pad), pixels)
    across, down = slopes_of(height)
    inner = slice(pad, -pad), slice(pad, -pad)
    factor = np.float32(-2.0 * strength * pixels)
    return across[inner] * factor, down[inner] * factor


def rounded_rows(mask: Mask, strength: float = 0.9) -> Slopes:
    """Return slopes as of an upright round body: each row of the mask curves left to right."""
    columns = np.arange(mask.cover.shape[1], dtype=np.float32)
    covered = np.asarray(mask.cover.any(axis=1))
    first = np.argmax(mask.cover, axis=1)
    last = mask.cover.shape[1] - 1 - np.argmax(mask.cover[:, ::-1], axis=1)
    middle = ((first + last) / 2).astype(np.float32)[:, None]
    half = np.maximum((last - first) / 2, 1).astype(np.float32)[:, None]
    slope_x = np.where(covered[:, None], (columns[None, :] - middle) / half * strength, 0)
    return np.clip(slope_x, -1, 1).astype(np.float32), np.zeros_like(slope_x, np.float32)


def added(*slopes: Slopes) -> Slopes:
    """Return the sum of several slopes over the same mask."""
    total_x, total_y = slopes[0]
    for slope_x, slope_y in slopes[1:]:
        total_x, total_y = total_x + slope_x, total_y + slope_y
    return total_x, total_y


class Canvas:
    """An unlit drawing of SIDE × SIDE pixels.

    Attributes:
        rgb: float32 (SIDE, SIDE, 3), the colour of the surface in 0..1.
        slope_x: float32 (SIDE, SIDE), x part of the surface's unit normal (right is positive).
        slope_y: float32 (SIDE, SIDE), y part of it (down is positive).
        shade: float32 (SIDE, SIDE), how much light reaches the pixel, 0..1.
        glow: float32 (SIDE, SIDE), light the pixel gives off by itself.
        material: uint8 (SIDE, SIDE), index into `materials.NAMES`.
        cover: bool (SIDE, SIDE), where the product is.
    """

    def __init__(self) -> None:
        shape = (SIDE, SIDE)
        self.rgb = np.zeros((*shape, 3), np.float32)
        self.slope_x, self.slope_y = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self.shade, self.glow = np.ones(shape, np.float32), np.zeros(shape, np.float32)
        self.material = np.zeros(shape, np.uint8)
        self.cover = np.zeros(shape, bool)

    def add(
        self,
        mask: Mask,
        paint: Paint,
        material: Material = MATT,
        slopes: Slopes | None = None,
        *,
        lift: float = 0.0,
        glow: float = 0.0,
    ) -> None:
        """Lay a part over what is there; `lift` (0..1 of the side) darkens what lies around it."""
        if lift:
            self.darken(mask, lift)
        window, where = mask.window, mask.cover
        np.copyto(self.rgb[window], np.asarray(paint, np.float32), where=where[:, :, None])
        slope_x, slope_y = slopes if slopes is not None else (np.float32(0), np.float32(0))
        if material.bump:
            fine_x, fine_y = relief(material.grain, SIDE)
            slope_x = slope_x + fine_x[window] * np.float32(material.bump)
            slope_y = slope_y + fine_y[window] * np.float32(material.bump)
        np.copyto(self.slope_x[window], slope_x, where=where)
        np.copyto(self.slope_y[window], slope_y, where=where)
        np.copyto(self.shade[window], np.float32(1), where=where)
        np.copyto(self.glow[window], np.float32(glow), where=where)
        np.copyto(self.material[window], np.uint8(NAMES.index(material.name)), where=where)
        self.cover[window] |= where

    def print(self, mask: Mask, paint: Paint, opacity: float = 1.0) -> None:
        """Change the colour of what is there, keeping its slopes and material."""
        part = self.rgb[mask.window]
        blend = part + (np.asarray(paint, np.float32) - part) * np.float32(opacity)
        np.copyto(part, blend, where=mask.cover[:, :, None])

    def darken(self, mask: Mask, radius: float, strength: float = 0.55) -> None:
        """Let a shadow fall around the mask, `radius` (0..1 of the side) wide."""
        pixels = max(2.0, radius * SIDE)
        pad = round(2 * pixels)
        whole = np.zeros((SIDE + 2 * pad, SIDE + 2 * pad), np.float32)
        rows, columns = mask.window
        height, width = mask.cover.shape
        box = (
            slice(rows.start, rows.start + height + 2 * pad),
            slice(columns.start, columns.start + width + 2 * pad),
        )
        cover = np.pad(mask.cover.astype(np.float32), pad)
        whole[box] = blurred(cover, pixels)
        y0, x0 = max(rows.start - pad, 0), max(columns.start - pad, 0)
        y1, x1 = min(rows.stop + pad, SIDE), min(columns.stop + pad, SIDE)
        part = whole[y0 + pad : y1 + pad, x0 + pad : x1 + pad]
        self.shade[y0:y1, x0:x1] *= 1 - np.float32(strength) * np.clip(part, 0, 1)

    def groove(self, points: Points, width: float = 0.006, strength: float = 0.5) -> None:
        """Draw a dark seam along the points."""
        mask = stroke(points, width)
        self.shade[mask.window] *= np.where(mask.cover, np.float32(1 - strength), np.float32(1))

    def stitch(self, points: Points, paint: RGB, width: float = 0.005) -> None:
        """Sew a visible seam along the points."""
        self.print(dashes(points, width, 0.014, 0.009), paint)

    def cut(self, masks: Sequence[Mask]) -> None:
        """Take away what the masks cover: one sees through there."""
        for mask in masks:
            self.cover[mask.window] &= ~mask.cover
