"""Things that stand or lie about in customers' photos, and things that cover a part of the item."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from api.demo.outline import ellipse, spline, turned

Ink = tuple[int, int, int]
Draw = ImageDraw.ImageDraw
_MUTED: tuple[Ink, ...] = (
    (92, 72, 60), (170, 160, 148), (70, 84, 98), (186, 176, 158), (120, 60, 54), (64, 74, 62),
    (200, 196, 188), (52, 52, 58), (150, 120, 88), (96, 110, 122), (176, 130, 112), (216, 208, 190),
)  # fmt: skip


def _pick(rng: np.random.Generator) -> Ink:
    return _MUTED[int(rng.integers(len(_MUTED)))]


def _shaded(ink: Ink, by: float) -> Ink:
    red, green, blue = (int(np.clip(part * by, 0, 255)) for part in ink)
    return red, green, blue


def _books(draw: Draw, rng: np.random.Generator, x: float, y: float, unit: float) -> None:
    for number in range(int(rng.integers(2, 6))):
        ink, high, wide = _pick(rng), unit * rng.uniform(0.6, 1.1), unit * rng.uniform(0.1, 0.22)
        draw.rectangle((x, y - high, x + wide, y), fill=ink)
        draw.rectangle((x + wide * 0.8, y - high, x + wide, y), fill=_shaded(ink, 0.7))
        draw.rectangle((x, y - high * 0.8, x + wide, y - high * 0.74), fill=_shaded(ink, 1.4))
        x += wide + (1 if number % 2 else 0)


def _box(draw: Draw, rng: np.random.Generator, x: float, y: float, unit: float) -> None:
    ink, wide, high = _pick(rng), unit * rng.uniform(0.5, 1.2), unit * rng.uniform(0.3, 1.0)
    draw.rectangle((x, y - high, x + wide, y), fill=ink)
    draw.polygon(
        (
            (x, y - high),
            (x + wide, y - high),
            (x + wide * 1.15, y - high * 1.15),
            (x + wide * 0.15, y - high * 1.15),
        ),
        fill=_shaded(ink, 1.2),
    )
    draw.polygon(
        (
            (x + wide, y),
            (x + wide, y - high),
            (x + wide * 1.15, y - high * 1.15),
            (x + wide * 1.15, y - high * 0.1),
        ),
        fill=_shaded(ink, 0.7),
    )


def _pot_plant(draw: Draw, rng: np.random.Generator, x: float, y: float, unit: float) -> None:
    for _ in range(14):
        angle, length = rng.uniform(-1.3, 1.3), unit * rng.uniform(0.4, 0.9)
        tip = (x + length * np.sin(angle), y - unit * 0.4 - length * np.cos(angle))
        leaf = ellipse((x + tip[0]) / 2, (y - unit * 0.4 + tip[1]) / 2, length / 2, length * 0.1)
        leaf = turned(leaf, np.degrees(angle) - 90, (x + tip[0]) / 2, (y - unit * 0.4 + tip[1]) / 2)
        draw.polygon(
            [(float(a), float(b)) for a, b in leaf],
            fill=_shaded((72, 118, 62), rng.uniform(0.6, 1.3)),
        )
    pot = _pick(rng)
    draw.polygon(
        (
            (x - unit * 0.28, y - unit * 0.42),
            (x + unit * 0.28, y - unit * 0.42),
            (x + unit * 0.2, y),
            (x - unit * 0.2, y),
        ),
        fill=pot,
    )
    draw.polygon(
        (
            (x + unit * 0.1, y - unit * 0.42),
            (x + unit * 0.28, y - unit * 0.42),
            (x + unit * 0.2, y),
            (x + unit * 0.08, y),
        ),
        fill=_shaded(pot, 0.75),
    )


def _jar(draw: Draw, rng: np.random.Generator, x: float, y: float, unit: float) -> None:
    ink, wide, high = _pick(rng), unit * rng.uniform(0.25, 0.4), unit * rng.uniform(0.4, 0.9)
    draw.rounded_rectangle((x - wide, y - high, x + wide, y), radius=wide * 0.4, fill=ink)
    draw.rectangle(
        (x - wide * 0.7, y - high * 0.9, x - wide * 0.4, y - high * 0.1), fill=_shaded(ink, 1.35)
    )
    draw.rectangle(
        (x - wide * 0.7, y - high * 1.12, x + wide * 0.7, y - high * 0.96), fill=_shaded(ink, 0.6)
    )


_STANDING: tuple[Callable[[Draw, np.random.Generator, float, float, float], None], ...] = (
    _books,
    _box,
    _pot_plant,
    _jar,
)


def behind(image: Image.Image, rng: np.random.Generator, edge: float) -> None:
    """Set a few things on the far end of a table whose edge lies at height `edge` (pixels)."""
    draw = ImageDraw.Draw(image)
    width, height = image.size
    if rng.random() < 0.4:
        x, y, w, h = (
            rng.uniform(0, 0.7) * width,
            rng.uniform(0, 0.3) * edge,
            width * 0.3,
            edge * 0.5,
        )
        for inset, ink in ((0.0, _pick(rng)), (0.06, (226, 222, 212)), (0.2, _pick(rng))):
            dx, dy = inset * w, inset * h
            draw.rectangle((x + dx, y + dy, x + w - dx, y + h - dy), fill=ink)
    for _ in range(int(rng.integers(0, 5))):
        thing = _STANDING[int(rng.integers(len(_STANDING)))]
        thing(
            draw,
            rng,
            float(rng.uniform(-0.05, 1.0)) * width,
            edge + height * rng.uniform(0.0, 0.07),
            height * rng.uniform(0.2, 0.42),
        )


def around(image: Image.Image, rng: np.random.Generator) -> None:
    """Scatter a few flat things on a surface seen from above."""
    draw = ImageDraw.Draw(image)
    width, height = image.size
    for _ in range(int(rng.integers(0, 6))):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        size, ink, kind = rng.uniform(0.08, 0.24) * width, _pick(rng), rng.integers(4)
        angle = float(rng.uniform(0, 180))
        if kind == 0:
            shape, ink = ellipse(x, y, size * 0.45, size * 0.45), _shaded(ink, 1.25)
        elif kind == 1:
            shape = turned(
                np.array([[x, y], [x + size, y], [x + size, y + size * 1.4], [x, y + size * 1.4]]),
                angle,
                x,
                y,
            )
        elif kind == 2:
            shape = turned(
                np.array(
                    [[x, y], [x + size * 2, y], [x + size * 2, y + size * 0.1], [x, y + size * 0.1]]
                ),
                angle,
                x,
                y,
            )
        else:
            shape, ink = (
                turned(ellipse(x, y, size * 0.5, size * 0.16), angle, x, y),
                _shaded((84, 120, 66), rng.uniform(0.7, 1.3)),
            )
        points = [(float(a), float(b)) for a, b in shape]
        draw.polygon([(a + 3, b + 4) for a, b in points], fill=_shaded(_pick(rng), 0.35))
        draw.polygon(points, fill=ink)
        if kind == 0:
            inner = ellipse(x, y, size * 0.34, size * 0.34)
            draw.polygon([(float(a), float(b)) for a, b in inner], fill=_shaded(ink, 0.9))


def in_front(
    rng: np.random.Generator, size: tuple[int, int], box: tuple[int, int, int, int]
) -> Image.Image:
    """Return what covers a part of the item: fingers, leaves, a card or a blurred edge (RGBA).

    Args:
        rng: decides what and where.
        size: of the photo.
        box: where the item lies in it: left, top, right, bottom.
    """
    image = Image.new("RGBA", size)
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = box
    unit = max(right - left, bottom - top)
    kind, blur = int(rng.integers(4)), rng.uniform(0.5, 1.6)
    from_left = rng.random() < 0.5
    x = left if from_left else right
    inward = 1 if from_left else -1
    if kind == 0:
        _fingers(
            draw, rng, (x, float(rng.uniform(top + 0.45 * (bottom - top), bottom))), inward, unit
        )
    elif kind == 1:
        for _ in range(5):
            cx, cy = (
                x + inward * unit * rng.uniform(-0.12, 0.14),
                rng.uniform(bottom - 0.4 * unit, bottom),
            )
            leaf = turned(
                ellipse(cx, cy, unit * 0.17, unit * 0.055), float(rng.uniform(0, 180)), cx, cy
            )
            draw.polygon(
                [(float(a), float(b)) for a, b in leaf],
                fill=(*_shaded((70, 112, 58), rng.uniform(0.6, 1.3)), 255),
            )
        blur += 1.0
    elif kind == 2:
        cx, cy = x + inward * unit * rng.uniform(0.02, 0.1), bottom - unit * rng.uniform(0.0, 0.15)
        card = np.array(
            [
                [cx - 0.2 * unit, cy - 0.12 * unit],
                [cx + 0.2 * unit, cy - 0.12 * unit],
                [cx + 0.2 * unit, cy + 0.14 * unit],
                [cx - 0.2 * unit, cy + 0.14 * unit],
            ]
        )
        card = turned(card, float(rng.uniform(-25, 25)), cx, cy)
        draw.polygon(
            [(float(a), float(b)) for a, b in card],
            fill=(*_shaded((226, 222, 214), rng.uniform(0.75, 1.05)), 255),
        )
    else:
        reach = x + inward * unit * rng.uniform(0.03, 0.13)
        wall = (0, 0, reach, size[1]) if from_left else (reach, 0, size[0], size[1])
        draw.rectangle(wall, fill=(*_shaded(_pick(rng), 0.7), 255))
        blur += 5.0
    return image.filter(ImageFilter.GaussianBlur(blur))


def _fingers(
    draw: Draw, rng: np.random.Generator, tip: tuple[float, float], inward: int, unit: float
) -> None:
    skins = ((238, 196, 168), (214, 164, 128), (170, 118, 84), (112, 74, 52))
    skin = skins[int(rng.integers(len(skins)))]
    thick = 0.07 * unit
    for number in range(int(rng.integers(1, 4))):
        y = tip[1] + number * thick * 1.9
        reach = tip[0] + inward * unit * (0.17 - 0.03 * number)
        line = spline(
            [
                (tip[0] - inward * unit * 0.8, y + 0.3 * unit),
                (tip[0] - inward * 0.1 * unit, y + 0.04 * unit),
                (reach, y),
            ],
            closed=False,
        )
        for shrink, shade in ((1.0, 0.72), (0.82, 0.92), (0.5, 1.04)):
            r = thick * shrink
            for px, py in line[::1]:
                draw.ellipse((px - r, py - r, px + r, py + r), fill=(*_shaded(skin, shade), 255))
        nail = (reach - thick * 0.5, y - thick * 0.5, reach + thick * 0.5, y + thick * 0.45)
        draw.ellipse(nail, fill=(*_shaded(skin, 1.16), 255))
