"""One photo of one item: the studio's for the catalogue, or a customer's."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter

from api.demo import backdrops, camera, props
from api.demo.design import Category, Design, View
from api.demo.lighting import Light, light
from api.demo.warp import onto, seen

STUDIO = 288  # pixels of a catalogue photo's side
_SIZES = ((288, 288), (256, 320), (320, 256), (272, 304))


@dataclass(frozen=True)
class Placed:
    """The item in the picture: its RGBA layer, its box, and the foot it stands on."""

    layer: Image.Image
    box: tuple[int, int, int, int]


def catalogue_photo(design: Design, category: Category, rng: np.random.Generator) -> bytes:
    """Return the studio's photo: white ground, soft light from the upper left."""
    view = View(yaw=float(rng.uniform(-0.08, 0.08)), pitch=0.24)
    lamp = _lamp((-0.42, -0.55), (0.74, 0.735, 0.72), (0.53, 0.54, 0.555), 0.4)
    size = (STUDIO, STUDIO)
    placed = _place(
        _sprite(design, category, view, lamp), size, 0.84 * min(category.size, 1.06), 0.0, rng
    )
    y = np.linspace(0, 1, STUDIO, dtype=np.float32)[:, None, None]
    ground = np.broadcast_to(252 - 10 * np.clip(y - 0.62, 0, 1) * 2, (STUDIO, STUDIO, 3))
    picture = Image.fromarray(ground.astype(np.uint8))
    if category.lies:
        _drop_shadow(picture, placed, (5.0, 8.0), 7.0, 0.32)
    else:
        _ground_shadow(picture, placed, (0.18, 0.09), 0.4)
    picture.paste(placed.layer, (0, 0), placed.layer)
    return camera.encode(picture, 90)


def customer_photo(design: Design, category: Category, rng: np.random.Generator) -> bytes:
    """Return a customer's photo: another place, light, angle, distance, and a phone's flaws."""
    size = _SIZES[int(rng.integers(len(_SIZES)))]
    lying = category.lies or rng.random() < 0.12
    view = View(yaw=float(rng.uniform(-0.75, 0.75)), pitch=float(rng.uniform(0.08, 0.52)))
    side, above = rng.uniform(-0.75, 0.75), rng.uniform(-0.75, -0.15)
    warm, strength = rng.normal(0, 0.09), rng.uniform(0.55, 0.85)
    key = (strength * (1 + warm), strength, strength * (1 - warm))
    fill = rng.uniform(0.42, 0.62)
    lamp = _lamp(
        (side, above),
        key,
        (fill * (1 - warm / 3), fill, fill * (1 + warm / 3)),
        rng.uniform(0.1, 0.8),
    )
    sprite = _sprite(design, category, view, lamp)
    if category.both_ways and rng.random() < 0.4:
        sprite = sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    share = float(rng.uniform(0.52, 0.86)) * min(category.size, 1.06)
    tilt = float(rng.uniform(-32, 32)) if lying else float(rng.normal(0, 4.5))
    placed = _place(sprite, size, share, tilt, rng)
    brightness = 0.55 + 0.5 * (strength + fill - 0.5)
    shadow = (-side * 0.7, 0.1 + 0.25 * rng.random())
    if lying:
        picture = _table_from_above(rng, size, brightness)
        _drop_shadow(
            picture, placed, (-side * 12, 5 - above * 9), rng.uniform(3, 8), rng.uniform(0.3, 0.6)
        )
    else:
        picture = _room(rng, size, brightness, placed.box)
        _ground_shadow(picture, placed, shadow, rng.uniform(0.35, 0.65))
    picture.paste(placed.layer, (0, 0), placed.layer)
    if rng.random() < 0.4:
        cover = props.in_front(rng, size, placed.box)
        picture.paste(cover, (0, 0), cover)
    return camera.encode(camera.finish(picture, rng), int(rng.integers(48, 90)))


def _lamp(
    towards: tuple[float, float],
    key: tuple[float, float, float],
    fill: tuple[float, float, float],
    softness: float,
) -> Light:
    direction = np.array([towards[0], towards[1], 0.78])
    x, y, z = (direction / np.linalg.norm(direction)).tolist()
    return Light((x, y, z), key, fill, float(softness))


def _sprite(design: Design, category: Category, view: View, lamp: Light) -> Image.Image:
    image = light(category.draw(design, view), lamp)
    box = image.getchannel("A").getbbox()
    return image.crop(box)


def _place(
    sprite: Image.Image, size: tuple[int, int], share: float, tilt: float, rng: np.random.Generator
) -> Placed:
    """Scale the sprite to `share` of the photo, turn it, see it at an angle, put it somewhere."""
    width, height = size
    factor = share * min(
        width / sprite.width, height / sprite.height, min(size) / max(sprite.size) * 1.25
    )
    wide, high = max(8, round(sprite.width * factor)), max(8, round(sprite.height * factor))
    small = sprite.resize(
        (wide, high), Image.Resampling.BOX if factor < 0.5 else Image.Resampling.BILINEAR
    )
    studio = tilt == 0.0
    squeeze = 0.0 if studio else float(rng.uniform(0.0, 0.16))
    lean, shear = (0.0, 0.0) if studio else rng.normal(0, 0.035, 2).tolist()
    narrow = wide * (1 - squeeze)
    corners = np.array([[0, 0], [narrow, 0], [narrow, high], [0, high]], float)
    corners -= (narrow / 2, high / 2)
    corners[:, 0] *= 1 + 2 * lean * corners[:, 1] / high
    corners[:, 1] *= 1 + 4 * shear * corners[:, 0] / wide
    angle = np.radians(tilt)
    corners = corners @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    span = np.ptp(corners, axis=0)
    room = np.maximum((np.array(size) - span) / 2, 0)
    offset = np.zeros(2) if studio else rng.uniform(-0.75, 0.75, 2) * room
    middle = np.array(size) / 2 + offset + (0, 0.02 * height)
    corners += middle - (corners.min(axis=0) + corners.max(axis=0)) / 2
    layer = onto(small, size, [(float(x), float(y)) for x, y in corners])
    box = layer.getchannel("A").getbbox() or (0, 0, width, height)
    return Placed(layer, box)


def _shade(picture: Image.Image, mask: Image.Image, strength: float) -> None:
    dark = mask.point(lambda value: 255 - int(value * strength))
    picture.paste(ImageChops.multiply(picture, Image.merge("RGB", (dark, dark, dark))))


def _soft(mask: Image.Image, radius: float) -> Image.Image:
    # Blurred small: a fraction of the work, and nobody sees it in a shadow.
    factor = 2 if radius < 4 else 4
    small = mask.reduce(factor).filter(ImageFilter.GaussianBlur(radius / factor))
    return small.resize(mask.size, Image.Resampling.BILINEAR)


def _drop_shadow(
    picture: Image.Image, placed: Placed, shift: tuple[float, float], blur: float, strength: float
) -> None:
    alpha = placed.layer.getchannel("A")
    moved = Image.new("L", alpha.size)
    moved.paste(alpha, (round(shift[0]), round(shift[1])))
    _shade(picture, _soft(moved, blur), strength)
    _shade(picture, _soft(alpha, 2), strength * 0.8)


def _ground_shadow(
    picture: Image.Image, placed: Placed, fall: tuple[float, float], strength: float
) -> None:
    """Lay the item's shadow on the ground: its outline, flattened, slanted away from the light."""
    left, top, right, bottom = placed.box
    alpha = placed.layer.getchannel("A").crop(placed.box)
    high = max(6, round((bottom - top) * (0.16 + fall[1])))
    flat = alpha.resize((right - left, high))
    slant = fall[0] * (bottom - top) * 0.45
    width, height = picture.size
    foot = bottom - high * 0.05
    corners = [
        (left + slant, foot - high),
        (right + slant, foot - high),
        (right, foot),
        (left, foot),
    ]
    cast = onto(flat, (width, height), [(float(x), float(y)) for x, y in corners], smooth=False)
    _shade(picture, _soft(cast, 5), strength * 0.75)
    sole = placed.layer.getchannel("A").crop(
        (left, max(bottom - 14, 0), right, bottom)
    ).getbbox() or (0, 0, right - left, 1)
    contact = Image.new("L", (width, height))
    deep = max(4.0, (right - left) * 0.045)
    ImageDraw.Draw(contact).ellipse(
        (left + sole[0] - 2, bottom - deep * 1.5, left + sole[2] + 2, bottom + deep * 0.75),
        fill=255,
    )
    _shade(picture, _soft(contact, 3), min(strength * 1.3, 0.75))


def _table_from_above(
    rng: np.random.Generator, size: tuple[int, int], brightness: float
) -> Image.Image:
    name = backdrops.SURFACES[int(rng.integers(len(backdrops.SURFACES)))]
    half = rng.uniform(0.2, 0.33) * backdrops.SIDE
    middle = rng.uniform(0.48, 0.52, 2) * backdrops.SIDE
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    square = (
        np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float) * half
        + rng.normal(0, 0.06, (4, 2)) * half
    )
    part = square @ turn + middle
    picture = seen(backdrops.texture(name), size, [(float(x), float(y)) for x, y in part])
    props.around(picture, rng)
    picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.2, 1.2))))
    return _exposed(picture, rng, brightness)


def _room(
    rng: np.random.Generator,
    size: tuple[int, int],
    brightness: float,
    box: tuple[int, int, int, int],
) -> Image.Image:
    """Return a wall and the table or floor before it, on which the item's foot stands."""
    width, height = size
    foot = box[3]
    edge = int(np.clip(foot - rng.uniform(0.1, 0.42) * height, 0.06 * height, 0.88 * height))
    side = backdrops.SIDE
    wall = backdrops.texture(backdrops.WALLS[int(rng.integers(len(backdrops.WALLS)))])
    x, y = rng.uniform(0, 0.4, 2) * side
    picture = seen(
        wall,
        size,
        [
            (x, y),
            (x + 0.6 * side, y + 9),
            (x + 0.6 * side, y + 0.6 * side),
            (x + 4, y + 0.58 * side),
        ],
    )
    props.behind(picture, rng, float(edge))
    picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.8, 4.0))))
    ground = backdrops.texture(backdrops.SURFACES[int(rng.integers(len(backdrops.SURFACES)))])
    spin = rng.random() < 0.5
    near = rng.uniform(0.14, 0.22) * side
    middle = rng.uniform(0.45, 0.55) * side
    part = [
        (0.02 * side, 0.1 * side),
        (0.98 * side, 0.1 * side),
        (middle + near, 0.8 * side),
        (middle - near, 0.8 * side),
    ]
    if spin:
        part = [(v, u) for u, v in part]
    floor = seen(ground, (width, height - edge), part)
    picture.paste(floor, (0, edge))
    band = picture.crop((0, max(edge - 3, 0), width, edge + 4)).filter(
        ImageFilter.GaussianBlur(1.5)
    )
    picture.paste(band, (0, max(edge - 3, 0)))
    return _exposed(picture, rng, brightness)


def _exposed(picture: Image.Image, rng: np.random.Generator, brightness: float) -> Image.Image:
    """Light the surroundings as the item is lit, brighter towards a window on one side."""
    width, height = picture.size
    picture = ImageEnhance.Color(picture).enhance(float(rng.uniform(0.6, 1.15)))
    slope = rng.uniform(-0.22, 0.22, 2)
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
    field = np.float32(brightness) * (1 + np.float32(slope[0]) * x + np.float32(slope[1]) * y)
    tint = (1 + rng.normal(0, 0.05, 3)).astype(np.float32)
    pixels = np.asarray(picture, np.float32) * field * tint
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
