"""Patterns and prints, drawn once per item as a tile that repeats."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from api.demo.canvas import SIDE, Mask
from api.demo.lathe import Turned
from api.demo.materials import smooth_noise
from api.demo.motifs import MOTIFS, Draw, Ink, Inks
from api.demo.palette import RGB, darker, lighter, mix

TILE = 512  # pixels of a tile's side, in the scale of a drawing; all periods divide it
Tile = NDArray[np.float32]


@dataclass(frozen=True)
class Pattern:
    """What is printed on an item.

    Attributes:
        name: a key of `WORDS`, or `MOTIF print` (one large) or `MOTIF all-over` (many small).
        ground, ink, second: the colours.
        coarse: whether the figure is large.
        seed: decides where irregular figures fall.
    """

    name: str
    ground: RGB
    ink: RGB
    second: RGB
    coarse: bool = False
    seed: int = 0


def _ink(rgb: RGB) -> Ink:
    red, green, blue = (round(255 * part) for part in rgb)
    return red, green, blue


def _stripes(draw: Draw, p: Pattern, inks: Inks) -> None:
    step = 128 if p.coarse else 64
    for y in range(0, TILE, step):
        draw.rectangle((0, y, TILE, y + step // 2 - 1), fill=inks[0])


def _breton(draw: Draw, p: Pattern, inks: Inks) -> None:
    step = 64 if p.coarse else 32
    for y in range(0, TILE, step):
        draw.rectangle((0, y, TILE, y + step // 4), fill=inks[0])


def _pinstripes(draw: Draw, p: Pattern, inks: Inks) -> None:
    step = 64 if p.coarse else 32
    for x in range(0, TILE, step):
        draw.rectangle((x, 0, x + step // 4, TILE), fill=inks[0])


def _diagonal(draw: Draw, p: Pattern, inks: Inks) -> None:
    step = 128 if p.coarse else 64
    for x in range(-TILE, TILE, step):
        draw.polygon(
            ((x, 0), (x + step // 2, 0), (x + step // 2 + TILE, TILE), (x + TILE, TILE)),
            fill=inks[0],
        )


def _staggered(step: int) -> list[tuple[float, float]]:
    cells = range(-1, TILE // step + 1)
    return [((i + (j % 2) / 2 + 0.5) * step, (j + 0.5) * step) for j in cells for i in cells]


def _dots(draw: Draw, p: Pattern, inks: Inks) -> None:
    step = 128 if p.coarse else 64
    r = 0.28 * step
    for x, y in _staggered(step):
        draw.ellipse((x - r, y - r, x + r, y + r), fill=inks[0])


def _checks(draw: Draw, p: Pattern, inks: Inks) -> None:
    step = 128 if p.coarse else 64
    between = _ink(mix(p.ground, p.ink, 0.5))
    for at in range(0, TILE, step):
        draw.rectangle((at, 0, at + step // 2 - 1, TILE), fill=between)
        draw.rectangle((0, at, TILE, at + step // 2 - 1), fill=between)
    for x in range(0, TILE, step):
        for y in range(0, TILE, step):
            draw.rectangle((x, y, x + step // 2 - 1, y + step // 2 - 1), fill=inks[0])


def _tartan(draw: Draw, p: Pattern, inks: Inks) -> None:
    step = 128
    between = _ink(mix(p.ground, p.ink, 0.55))
    for at in range(0, TILE, step):
        draw.rectangle((at, 0, at + 44, TILE), fill=between)
        draw.rectangle((0, at, TILE, at + 44), fill=between)
    for x in range(0, TILE, step):
        for y in range(0, TILE, step):
            draw.rectangle((x, y, x + 44, y + 44), fill=inks[0])
    for at in range(0, TILE, step):
        draw.rectangle((at + 80, 0, at + 87, TILE), fill=inks[1])
        draw.rectangle((0, at + 80, TILE, at + 87), fill=inks[1])


def _chevron(draw: Draw, p: Pattern, inks: Inks) -> None:
    step = 128 if p.coarse else 64
    for y in range(-step, TILE + step, step):
        top = [
            (x, y + (step // 2 if (x // (step // 2)) % 2 else 0))
            for x in range(0, TILE + 1, step // 2)
        ]
        under = [(x, at + step // 2) for x, at in reversed(top)]
        draw.polygon([*top, *under], fill=inks[0])


def _waves(draw: Draw, p: Pattern, inks: Inks) -> None:
    step = 128 if p.coarse else 64
    xs = np.arange(0, TILE + 1, 4)
    for y in range(-step, TILE + step, step):
        line = [(float(x), float(y + step * 0.28 * np.sin(x * 2 * np.pi / 128))) for x in xs]
        draw.line(line, fill=inks[0], width=round(step * 0.3), joint="curve")


def _triangles(draw: Draw, p: Pattern, inks: Inks) -> None:
    step = 128 if p.coarse else 64
    for number, (x, y) in enumerate(_staggered(step)):
        h = step * 0.34
        draw.polygon(((x, y - h), (x + h, y + h), (x - h, y + h)), fill=inks[number % 2])


def _terrazzo(draw: Draw, p: Pattern, inks: Inks) -> None:
    rng = np.random.default_rng(p.seed)
    size = 26 if p.coarse else 15
    for number in range(90 if p.coarse else 220):
        x, y = rng.uniform(0, TILE, 2)
        angle = np.sort(rng.uniform(0, 2 * np.pi, 5))
        r = size * rng.uniform(0.4, 1.0, 5)
        corners = [
            (float(x + a), float(y + b))
            for a, b in zip(r * np.cos(angle), r * np.sin(angle), strict=True)
        ]
        draw.polygon(corners, fill=inks[number % 2])


def _speckles(draw: Draw, p: Pattern, inks: Inks) -> None:
    rng = np.random.default_rng(p.seed)
    for x, y, r in zip(*rng.uniform(0, TILE, (2, 420)), rng.uniform(1.5, 5.5, 420), strict=True):
        draw.ellipse((x - r, y - r, x + r, y + r), fill=inks[0])


def _colour_block(draw: Draw, p: Pattern, inks: Inks) -> None:
    draw.rectangle((0, TILE // 2 + (10 if p.coarse else -20), TILE, TILE), fill=inks[0])


def _bands(draw: Draw, p: Pattern, inks: Inks) -> None:
    middle, high = TILE // 2, 26 if p.coarse else 17
    for number, ink in enumerate((inks[0], inks[1], inks[0])):
        top = middle + round((number - 1.5) * high * 1.35)
        draw.rectangle((0, top, TILE, top + high), fill=ink)


def _split(draw: Draw, _p: Pattern, inks: Inks) -> None:
    draw.rectangle((0, 0, TILE // 2, TILE), fill=inks[0])


def _sprigs(draw: Draw, p: Pattern, inks: Inks) -> None:
    step = 128
    for number, (x, y) in enumerate(_staggered(step)):
        MOTIFS["daisy"](draw, x, y, step * (0.3 if p.coarse else 0.24), (inks[0], inks[1], inks[2]))
        MOTIFS["leaf"](
            draw,
            x + step * 0.42,
            y - step * 0.1 * (1 - 2 * (number % 2)),
            step * 0.17,
            (inks[1], inks[2], inks[2]),
        )


FIGURES: dict[str, Callable[[Draw, Pattern, Inks], None]] = {
    "stripes": _stripes, "breton": _breton, "pinstripes": _pinstripes, "diagonal": _diagonal,
    "dots": _dots, "checks": _checks, "tartan": _tartan, "chevron": _chevron, "waves": _waves,
    "triangles": _triangles, "terrazzo": _terrazzo, "speckles": _speckles, "block": _colour_block,
    "bands": _bands, "split": _split, "sprigs": _sprigs,
}  # fmt: skip
_CLOUDED = {"marble", "camouflage", "ombre"}
WORDS = {
    "plain": "", "stripes": "striped", "breton": "Breton-striped", "pinstripes": "pinstriped",
    "diagonal": "diagonal-striped", "dots": "polka-dot", "checks": "gingham", "tartan": "tartan",
    "chevron": "chevron", "waves": "wave-pattern", "triangles": "triangle-pattern",
    "terrazzo": "terrazzo", "speckles": "speckled", "block": "two-tone", "bands": "retro-band",
    "split": "half-and-half", "sprigs": "floral", "marble": "marbled", "camouflage": "camouflage",
    "ombre": "ombré",
}  # fmt: skip


def word(name: str) -> str:
    """Return how a title calls the pattern; empty for plain."""
    return WORDS.get(name, name.replace(" print", "-print").replace(" all-over", "-motif"))


@lru_cache(maxsize=24)
def tile(pattern: Pattern) -> Tile:
    """Return the pattern's tile, float32 (TILE, TILE, 3) in 0..1, its figure in the middle."""
    inks = (_ink(pattern.ink), _ink(pattern.second), _ink(pattern.ground))
    image = Image.new("RGB", (TILE, TILE), inks[2])
    draw = ImageDraw.Draw(image)
    motif = pattern.name.removesuffix(" print").removesuffix(" all-over")
    if pattern.name in FIGURES:
        FIGURES[pattern.name](draw, pattern, inks)
    elif pattern.name in _CLOUDED:
        return _clouded(pattern)
    elif pattern.name.endswith(" print"):
        MOTIFS[motif](draw, TILE / 2, TILE / 2, 74 if pattern.coarse else 60, inks)
    elif pattern.name.endswith(" all-over"):
        for number, (x, y) in enumerate(_staggered(128 if pattern.coarse else 64)):
            swapped = (inks[1], inks[0], inks[2]) if number % 3 == 1 else inks
            MOTIFS[motif](draw, x, y, 40 if pattern.coarse else 23, swapped)
    return np.asarray(image, np.float32) / np.float32(255)


def _clouded(pattern: Pattern) -> Tile:
    rng = np.random.default_rng(pattern.seed)
    colours = [np.asarray(c, np.float32) for c in (pattern.ground, pattern.ink, pattern.second)]
    if pattern.name == "ombre":
        share = np.clip(np.linspace(-0.9, 1.9, TILE), 0, 1)[:, None, None]
        blend = colours[0] * (1 - share) + colours[1] * share
        return np.broadcast_to(blend, (TILE, TILE, 3)).astype(np.float32)
    noise = smooth_noise(rng, TILE, TILE, 60) + 0.4 * smooth_noise(rng, TILE, TILE, 22)
    if pattern.name == "marble":
        vein = np.exp(-((noise / (0.22 if pattern.coarse else 0.13)) ** 2))[:, :, None]
        return np.asarray(colours[0] * (1 - vein) + colours[1] * vein, np.float32)
    result = np.where((noise > 0.35)[:, :, None], colours[1], colours[0])
    patches = smooth_noise(rng, TILE, TILE, 48)[:, :, None] > 0.75
    return np.where(patches, colours[2], result).astype(np.float32)


def wrapped(pattern: Pattern, body: Turned, yaw: float, middle: float) -> Tile:
    """Return the colours of a turned body's pixels: the tile wound around it.

    Args:
        pattern: what is printed.
        body: the body.
        yaw: how far the body is turned to the right, radians.
        middle: the height (0..1 of the drawing) at which the tile's middle lies.
    """
    picture = tile(pattern)
    widest = body.widest
    columns = (body.around - np.float32(yaw * widest) + TILE / 2).astype(np.int32) % TILE
    rows = (body.down - np.float32(middle * SIDE) + TILE / 2).astype(np.int32) % TILE
    return np.asarray(picture[rows, columns])


def laid(
    pattern: Pattern, mask: Mask, x: float, y: float, *, scale: float = 1.0, degrees: float = 0.0
) -> Tile:
    """Return the colours of a flat part's pixels, the tile's middle at (x, y) of the drawing."""
    picture = tile(pattern)
    across, down = mask.grid()
    dx, dy = (
        (across - np.float32(x)) * np.float32(SIDE / scale),
        (down - np.float32(y)) * np.float32(SIDE / scale),
    )
    sine, cosine = np.float32(np.sin(np.radians(degrees))), np.float32(np.cos(np.radians(degrees)))
    columns = (dx * cosine + dy * sine + TILE / 2).astype(np.int32) % TILE
    rows = (dy * cosine - dx * sine + TILE / 2).astype(np.int32) % TILE
    return np.asarray(picture[rows, columns])


def tone(rgb: RGB, share: float) -> RGB:
    """Return a lighter (`share` > 0) or darker shade of the same colour."""
    return lighter(rgb, share) if share > 0 else darker(rgb, -share)
