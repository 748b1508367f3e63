"""Light falls on a drawing: ambient, key light, highlights, mirrored surroundings."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from api.demo.canvas import Canvas
from api.demo.materials import MATERIALS, Plane
from api.demo.palette import RGB


@dataclass(frozen=True)
class Light:
    """The light of one photo.

    Attributes:
        direction: unit vector towards the key light (x right, y down, z to the camera).
        key: colour and strength of the key light.
        ambient: colour and strength of the light from everywhere.
        softness: how far the key light wraps around a body, 0 (sun) .. 1 (overcast).
    """

    direction: tuple[float, float, float]
    key: RGB
    ambient: RGB
    softness: float


def _table(name: str) -> Plane:
    return np.asarray([getattr(m, name) for m in MATERIALS.values()], np.float32)


_GLOSS, _SHARPNESS = _table("gloss"), _table("sharpness")
_METAL, _SHEEN = _table("metal"), _table("sheen")


def light(canvas: Canvas, lamp: Light) -> Image.Image:
    """Return the drawing under the light as an RGBA image of the same size."""
    where = canvas.cover
    rgb, kind = canvas.rgb[where], canvas.material[where]
    x, y = canvas.slope_x[where], canvas.slope_y[where]
    shade = np.clip(canvas.shade[where], 0.12, 1)
    steep = np.maximum(np.hypot(x, y) / np.float32(0.985), np.float32(1))
    x, y = np.divide(x, steep, dtype=np.float32), np.divide(y, steep, dtype=np.float32)
    z = np.sqrt(1 - x * x - y * y)
    lx, ly, lz = (np.float32(part) for part in lamp.direction)
    facing = x * lx + y * ly + z * lz
    wrap = np.float32(lamp.softness)
    diffuse = np.clip((facing + wrap) / (1 + wrap), 0, None)
    sky = np.float32(0.78) - np.float32(0.22) * y
    key, ambient = np.asarray(lamp.key, np.float32), np.asarray(lamp.ambient, np.float32)
    lit = rgb * ((shade * sky)[:, None] * ambient + (shade * diffuse)[:, None] * key)
    lit += _highlight((x, y, z), lamp, kind, shade)[:, None] * key
    metal = _METAL[kind] > 0
    if metal.any():
        mirror = _surroundings(x[metal], y[metal], z[metal]) * shade[metal]
        shown = rgb[metal] * mirror[:, None] * (ambient + key * np.float32(0.75))
        share = _METAL[kind[metal]][:, None]
        lit[metal] = lit[metal] * (1 - share) + shown * share
    soft = _SHEEN[kind] > 0
    if soft.any():
        rim = _SHEEN[kind[soft]] * (1 - z[soft]) * shade[soft]
        lit[soft] += rim[:, None] * (rgb[soft] * np.float32(0.5) + np.float32(0.5))
    glow = canvas.glow[where]
    if glow.any():
        lit += glow[:, None] * rgb * np.asarray((1.0, 0.86, 0.62), np.float32)
    return _image(canvas, lit)


def _highlight(
    normal: tuple[Plane, Plane, Plane], lamp: Light, kind: NDArray[np.uint8], shade: Plane
) -> Plane:
    half = np.asarray(lamp.direction) + np.asarray((0.0, 0.0, 1.0))
    hx, hy, hz = (half / np.linalg.norm(half)).astype(np.float32)
    x, y, z = normal
    gloss = _GLOSS[kind] * shade
    shiny = gloss > 0
    aligned = np.clip(x[shiny] * hx + y[shiny] * hy + z[shiny] * hz, 1e-4, 1)
    gloss[shiny] *= np.exp(np.log(aligned) * _SHARPNESS[kind[shiny]])
    return gloss


def _surroundings(x: Plane, y: Plane, z: Plane) -> Plane:
    # A bright room above, a darker table below, and two upright windows: what polished steel shows.
    mirror_x, mirror_y = 2 * z * x, 2 * z * y
    room = 0.62 - 0.28 * np.tanh(3.0 * mirror_y)
    windows = np.exp(-((np.abs(mirror_x + 0.15) - 0.62) ** 2) / 0.02) * 0.55
    edge = 0.35 * np.exp(-((np.abs(mirror_x) - 0.92) ** 2) / 0.01)
    result: Plane = (room + windows - edge).astype(np.float32)
    return result


def _image(canvas: Canvas, lit: Plane) -> Image.Image:
    pixels = np.zeros((*canvas.cover.shape, 4), np.uint8)
    # Values over 1 roll off instead of clipping, as film and phones do.
    hot = lit > 0.86
    lit[hot] = 0.86 + 0.14 * (1 - np.exp((0.86 - lit[hot]) * 5))
    pixels[canvas.cover, :3] = np.clip(lit * 255, 0, 255)
    pixels[canvas.cover, 3] = 255
    return Image.fromarray(pixels)
