"""What customers' photos are taken on and in front of: textures of floors, tables and walls.

The textures are made once per process from fixed seeds; each photo shows another part of one, at
another angle, scale and tint.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from api.demo.materials import Plane, smooth_noise
from api.demo.palette import RGB

SIDE = 640  # pixels of a texture's side


def _tinted(value: Plane, dark: RGB, bright: RGB) -> Plane:
    share = np.clip(value, 0, 1)[:, :, None]
    low, high = np.asarray(dark, np.float32), np.asarray(bright, np.float32)
    return low * (1 - share) + high * share


def _image(pixels: Plane) -> Image.Image:
    return Image.fromarray((np.clip(pixels, 0, 1) * 255).astype(np.uint8))


def _wood(seed: int, dark: RGB, bright: RGB, boards: int = 5) -> Image.Image:
    rng = np.random.default_rng(seed)
    wide = SIDE // boards
    result = np.zeros((SIDE, SIDE, 3), np.float32)
    for board in range(boards):
        lines = smooth_noise(rng, wide, SIDE, 46) * 2.2
        across = np.arange(wide, dtype=np.float32)[:, None] / 7
        grain = 0.5 + 0.16 * np.sin(across + lines) + 0.05 * rng.standard_normal((wide, SIDE))
        # Fibres run along the board: noise that is long in x and short in y.
        fibre = Image.fromarray(rng.standard_normal((wide, 24)).astype(np.float32))
        grain += 0.06 * np.asarray(fibre.resize((SIDE, wide), Image.Resampling.BICUBIC))
        plank = _tinted(np.asarray(grain + rng.uniform(-0.16, 0.16), np.float32), dark, bright)
        plank[:2] *= 0.45
        result[board * wide : (board + 1) * wide] = plank
    return _image(result)


def _cloth(seed: int, dark: RGB, bright: RGB, check: bool = False) -> Image.Image:
    rng = np.random.default_rng(seed)
    x = np.arange(SIDE, dtype=np.float32)
    weave = 0.5 + 0.09 * np.sin(x * 1.6)[:, None] + 0.09 * np.sin(x * 1.6)[None, :]
    weave = (
        weave + 0.22 * smooth_noise(rng, SIDE, SIDE, 110) + 0.04 * rng.standard_normal((SIDE, SIDE))
    )
    if check:
        bars = ((x // 53) % 2).astype(np.float32)
        weave = 0.25 * weave + 0.3 * (bars[:, None] + bars[None, :])
    return _image(_tinted(weave, dark, bright))


def _plaster(seed: int, dark: RGB, bright: RGB) -> Image.Image:
    rng = np.random.default_rng(seed)
    value = (
        0.5 + 0.16 * smooth_noise(rng, SIDE, SIDE, 160) + 0.05 * smooth_noise(rng, SIDE, SIDE, 6)
    )
    return _image(_tinted(value, dark, bright))


def _bricks(seed: int, dark: RGB, bright: RGB) -> Image.Image:
    rng = np.random.default_rng(seed)
    image = _plaster(seed, (0.62, 0.58, 0.54), (0.78, 0.75, 0.7))
    draw = ImageDraw.Draw(image)
    for row in range(SIDE // 40 + 1):
        for column in range(-1, SIDE // 100 + 1):
            share = rng.uniform(0, 1)
            ink = tuple(
                round(255 * (a + (b - a) * share)) for a, b in zip(dark, bright, strict=True)
            )
            left = column * 100 + (row % 2) * 50
            draw.rectangle((left, row * 40, left + 93, row * 40 + 33), fill=ink)
    noise = rng.standard_normal((SIDE, SIDE, 1)).astype(np.float32) * 0.05
    return _image(np.asarray(image, np.float32) / 255 + noise)


def _grass(seed: int, dark: RGB, bright: RGB) -> Image.Image:
    rng = np.random.default_rng(seed)
    image = _image(_tinted(0.3 + 0.2 * smooth_noise(rng, SIDE, SIDE, 60), dark, bright))
    draw = ImageDraw.Draw(image)
    places = rng.uniform(0, SIDE, (7000, 2))
    ends = places + rng.normal(0, 1, (7000, 2)) * (4, 3) - (0, 11)
    shares = rng.uniform(0.0, 1.0, 7000)
    for (x0, y0), (x1, y1), share in zip(places, ends, shares, strict=True):
        ink = tuple(
            round(255 * (a + (b - a) * float(share))) for a, b in zip(dark, bright, strict=True)
        )
        draw.line((float(x0), float(y0), float(x1), float(y1)), fill=ink, width=2)
    return image


def _tiles(seed: int, dark: RGB, bright: RGB) -> Image.Image:
    rng = np.random.default_rng(seed)
    value = 0.55 + 0.1 * smooth_noise(rng, SIDE, SIDE, 40)
    size = SIDE // 5
    for row in range(5):
        for column in range(5):
            value[row * size : (row + 1) * size, column * size : (column + 1) * size] += (
                rng.uniform(-0.2, 0.2)
            )
    pixels = _tinted(value, dark, bright)
    for edge in range(0, SIDE, size):
        pixels[edge : edge + 4] = pixels[:, edge : edge + 4] = (0.55, 0.54, 0.52)
    return _image(pixels)


def _marble(seed: int, dark: RGB, bright: RGB) -> Image.Image:
    rng = np.random.default_rng(seed)
    field = (
        smooth_noise(rng, SIDE, SIDE, 130)
        + 0.5 * smooth_noise(rng, SIDE, SIDE, 45)
        + 0.2 * smooth_noise(rng, SIDE, SIDE, 16)
    )
    veins = np.exp(-np.abs(field) * 7)
    return _image(_tinted(0.92 - 0.6 * veins + 0.05 * field, dark, bright))


def _carpet(seed: int, dark: RGB, bright: RGB) -> Image.Image:
    rng = np.random.default_rng(seed)
    value = 0.5 + 0.25 * smooth_noise(rng, SIDE, SIDE, 3) + 0.1 * smooth_noise(rng, SIDE, SIDE, 80)
    return _image(_tinted(value, dark, bright))


_MAKERS: dict[str, Callable[[], Image.Image]] = {
    "oak": lambda: _wood(1, (0.46, 0.30, 0.17), (0.80, 0.60, 0.39)),
    "walnut": lambda: _wood(2, (0.20, 0.12, 0.08), (0.46, 0.30, 0.20)),
    "whitewash": lambda: _wood(3, (0.66, 0.63, 0.58), (0.92, 0.90, 0.86)),
    "parquet": lambda: _wood(4, (0.52, 0.34, 0.18), (0.78, 0.55, 0.33), 9),
    "linen": lambda: _cloth(5, (0.60, 0.56, 0.50), (0.90, 0.87, 0.80)),
    "denim": lambda: _cloth(6, (0.14, 0.19, 0.32), (0.38, 0.46, 0.62)),
    "picnic": lambda: _cloth(7, (0.92, 0.90, 0.86), (0.74, 0.18, 0.20), check=True),
    "sheet": lambda: _cloth(8, (0.70, 0.71, 0.75), (0.97, 0.97, 0.98)),
    "marble": lambda: _marble(9, (0.55, 0.55, 0.57), (0.95, 0.95, 0.94)),
    "slate": lambda: _plaster(10, (0.16, 0.17, 0.19), (0.36, 0.37, 0.39)),
    "concrete": lambda: _plaster(11, (0.46, 0.46, 0.46), (0.70, 0.69, 0.67)),
    "tiles": lambda: _tiles(12, (0.62, 0.62, 0.60), (0.90, 0.90, 0.88)),
    "terracotta": lambda: _tiles(13, (0.48, 0.24, 0.16), (0.74, 0.45, 0.32)),
    "grass": lambda: _grass(14, (0.10, 0.22, 0.06), (0.46, 0.62, 0.24)),
    "rug": lambda: _carpet(15, (0.30, 0.28, 0.30), (0.62, 0.58, 0.56)),
    "carpet": lambda: _carpet(16, (0.42, 0.16, 0.16), (0.66, 0.34, 0.30)),
    "white wall": lambda: _plaster(17, (0.78, 0.77, 0.74), (0.93, 0.92, 0.90)),
    "painted wall": lambda: _plaster(18, (0.50, 0.60, 0.62), (0.66, 0.75, 0.76)),
    "ochre wall": lambda: _plaster(19, (0.70, 0.55, 0.34), (0.84, 0.70, 0.48)),
    "brick wall": lambda: _bricks(20, (0.46, 0.20, 0.14), (0.70, 0.38, 0.28)),
    "panelling": lambda: _wood(21, (0.40, 0.46, 0.42), (0.60, 0.66, 0.60), 7),
    "hedge": lambda: _grass(22, (0.05, 0.14, 0.05), (0.30, 0.45, 0.20)),
}
WALLS = (
    "white wall",
    "painted wall",
    "ochre wall",
    "brick wall",
    "panelling",
    "hedge",
    "white wall",
)
SURFACES = tuple(
    name for name in _MAKERS if "wall" not in name and name not in {"panelling", "hedge"}
)


@lru_cache(maxsize=len(_MAKERS))
def texture(name: str) -> Image.Image:
    """Return one texture as an RGB image of SIDE × SIDE pixels."""
    return _MAKERS[name]()
