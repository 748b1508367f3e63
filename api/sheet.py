"""The contact sheet: a query photo and its hits as one picture, drawn with Pillow."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from PIL import Image, ImageDraw, ImageFont, ImageOps

from api.photos import catalogue_photo
from indexer.classes import Classes
from indexer.records import Item
from indexer.search import SearchResult
from indexer.shop import Shop
from vsearch.images import Crop, ImageError, decode
from vsearch.taxonomy import format_path

PAPER = "#f5f4f1"
CARD = "#ffffff"
LINE = "#dedbd4"
INK = "#22201c"
MUTED = "#767067"
ACCENT = "#0b6e63"
TRACK = "#e4e1da"

MARGIN = 48
GAP = 24
QUERY_WIDTH = 340
TILE_WIDTH = 232
PADDING = 14  # between a card's edge and what is in it
COLUMNS = 5
TITLE_LINES = 2
CATEGORIES_LISTED = 6
LABELS_LISTED = 4
LEAST_LISTED = 0.005  # less would be drawn as 0 %

REGULAR, SEMIBOLD, BOLD = 400, 600, 700


@dataclass(frozen=True)
class Tile:
    """One hit: its catalogue photo (None where it cannot be read), words and score."""

    photo: Image.Image | None
    title: str
    category: str
    score: float


@dataclass(frozen=True)
class Prediction:
    """One category or label, as people read it, and its probability in 0..1."""

    name: str
    probability: float


def contact_sheet(
    shop: Shop, data: bytes, result: SearchResult, crop: Crop | None = None
) -> Image.Image:
    """Draw a photo and what the shop found for it.

    Args:
        shop: where the hits' catalogue photos are; further labelled photos are never shown.
        data: the photo that was searched with.
        result: what was found.
        crop: the part of the photo that was searched with.

    Raises:
        ImageError: the photo cannot be decoded.
    """
    query = decode(data, max_pixels=shop.settings.max_pixels)
    if crop:
        query = query.crop(crop.box(*query.size))
    tiles = [
        Tile(
            _photo_of(shop, hit.item),
            hit.item.title,
            format_path(hit.item.category),
            hit.score,
        )
        for hit in result.hits
    ]
    return draw_sheet(query, tiles, predicted(result), f"{shop.settings.name}: search by photo")


def predicted(shown: Classes) -> list[Prediction]:
    """Return the best categories, then the labels given to the photo that stand for none.

    Where that is nothing, such as for a photo that is turned away, the best label.
    """
    categories = [
        Prediction(format_path(one.path), one.probability)
        for rank, one in enumerate(shown.categories[:CATEGORIES_LISTED])
        if rank == 0 or one.probability >= LEAST_LISTED
    ]
    labels = [
        Prediction(label.name, label.probability)
        for label in shown.labels
        if label.assigned and not label.path
    ]
    if not (categories or labels):
        labels = [Prediction(one.name, one.probability) for one in shown.labels[:1]]
    return categories + labels[:LABELS_LISTED]


def _photo_of(shop: Shop, item: Item) -> Image.Image | None:
    try:
        data = catalogue_photo(shop, item)
        return decode(data, max_pixels=shop.settings.max_pixels, shorter_side=TILE_WIDTH)
    except ImageError:
        return None  # the sheet says so in the photo's place


def draw_sheet(
    query: Image.Image, tiles: Sequence[Tile], predictions: Sequence[Prediction], heading: str
) -> Image.Image:
    """Draw the query in a frame with what was predicted beside the hits, best first.

    Args:
        query: the photo that was searched with, mode RGB.
        tiles: the hits, best first; any number, also none.
        predictions: what to list under the query, best first.
        heading: one line over the sheet, such as the shop's name.

    Returns:
        An RGB image of fixed width, as tall as its content.
    """
    rows = max(1, -(-len(tiles) // COLUMNS))
    height = MARGIN * 2 + 64 + max(query_height(len(predictions)), rows * (_tile_height() + GAP))
    width = MARGIN * 2 + QUERY_WIDTH + GAP * 2 + COLUMNS * TILE_WIDTH + (COLUMNS - 1) * GAP
    sheet = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(sheet)
    top = MARGIN + 64
    left = MARGIN + QUERY_WIDTH + GAP * 2
    write(pen, (MARGIN, MARGIN - 12), heading, 30, BOLD, width - 2 * MARGIN)
    draw_query(sheet, pen, (MARGIN, top), query, predictions)
    for rank, tile in enumerate(tiles):
        row, column = divmod(rank, COLUMNS)
        corner = (left + column * (TILE_WIDTH + GAP), top + row * (_tile_height() + GAP))
        _draw_tile(sheet, pen, corner, tile, rank + 1)
    if not tiles:
        write(pen, (left, top), "Nothing in the shop matches.", 22, REGULAR, 600, MUTED)
    return sheet


def query_height(predictions: int) -> int:
    """Return how many pixels `draw_query` takes with so many predictions."""
    return QUERY_WIDTH + 70 + 56 * predictions + GAP


def _tile_height() -> int:
    return TILE_WIDTH + 24 * TITLE_LINES + 62


def draw_query(
    sheet: Image.Image,
    pen: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    query: Image.Image,
    predictions: Sequence[Prediction],
) -> None:
    """Draw a photo in a frame, `QUERY_WIDTH` pixels wide, and below it what was predicted."""
    x, y = corner
    box = (x, y, x + QUERY_WIDTH, y + QUERY_WIDTH)
    pen.rounded_rectangle(box, radius=16, fill=CARD, outline=ACCENT, width=6)
    paste(sheet, query, (x + 12, y + 12), QUERY_WIDTH - 24)
    y += QUERY_WIDTH + 18
    if predictions:
        write(pen, (x, y), "Predicted", 17, SEMIBOLD, QUERY_WIDTH, ACCENT)
    for number, prediction in enumerate(predictions):
        _draw_prediction(pen, (x, y + 34 + 56 * number), prediction)


def _draw_prediction(
    pen: ImageDraw.ImageDraw, corner: tuple[int, int], prediction: Prediction
) -> None:
    x, y = corner
    share = f"{prediction.probability:.0%}"
    write(pen, (x, y), prediction.name, 19, REGULAR, QUERY_WIDTH - 60)
    write_right(pen, (x + QUERY_WIDTH, y), share, 19, SEMIBOLD)
    track = (x, y + 32, x + QUERY_WIDTH, y + 38)
    pen.rounded_rectangle(track, radius=3, fill=TRACK)
    filled = round(QUERY_WIDTH * min(1.0, max(0.0, prediction.probability)))
    if filled >= 6:
        pen.rounded_rectangle((x, y + 32, x + filled, y + 38), radius=3, fill=ACCENT)


def _draw_tile(
    sheet: Image.Image,
    pen: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    tile: Tile,
    rank: int,
) -> None:
    x, y = corner
    box = (x, y, x + TILE_WIDTH, y + _tile_height())
    pen.rounded_rectangle(box, radius=12, fill=CARD, outline=LINE, width=1)
    side = TILE_WIDTH - 2 * PADDING
    if tile.photo is None:
        write(pen, (x + PADDING, y + side // 2), "photo cannot be read", 17, REGULAR, side, MUTED)
    else:
        paste(sheet, tile.photo, (x + PADDING, y + PADDING), side)
    words = y + TILE_WIDTH
    for number, line in enumerate(wrap(tile.title, font_of(19, SEMIBOLD), side, TITLE_LINES)):
        write(pen, (x + PADDING, words + 24 * number), line, 19, SEMIBOLD, side)
    words += 24 * TITLE_LINES + 4
    write(pen, (x + PADDING, words), tile.category, 16, REGULAR, side, MUTED)
    write(pen, (x + PADDING, words + 24), f"{rank}", 16, SEMIBOLD, side, MUTED)
    write_right(pen, (x + PADDING + side, words + 24), f"{tile.score:.3f}", 17, SEMIBOLD, ACCENT)


def paste(sheet: Image.Image, photo: Image.Image, corner: tuple[int, int], side: int) -> None:
    """Paste a photo into the middle of a square whose top left corner is given."""
    fitted = ImageOps.contain(photo, (side, side), Image.Resampling.LANCZOS)
    x = corner[0] + (side - fitted.width) // 2
    y = corner[1] + (side - fitted.height) // 2
    sheet.paste(fitted, (x, y))


def write(
    pen: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    text: str,
    size: int,
    weight: int,
    width: int,
    colour: str = INK,
) -> None:
    """Write a line of at most `width` pixels, the corner at its top left."""
    font = font_of(size, weight)
    pen.text(corner, ellipsis(text, font, width), fill=colour, font=font)


def write_right(
    pen: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    text: str,
    size: int,
    weight: int,
    colour: str = INK,
) -> None:
    """Write a line that ends at the corner, its top right."""
    pen.text(corner, text, fill=colour, font=font_of(size, weight), anchor="ra")


def wrap(text: str, font: ImageFont.FreeTypeFont, width: int, lines: int) -> list[str]:
    """Break a text at spaces into at most `lines` lines; what does not fit becomes an ellipsis."""
    wrapped: list[str] = []
    line = ""
    words = text.split()
    for number, word in enumerate(words):
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > width:
            wrapped.append(line)
            line = word
            if len(wrapped) == lines - 1:
                line = " ".join(words[number:])
                break
        else:
            line = longer
    return [ellipsis(part, font, width) for part in [*wrapped, line] if part]


def ellipsis(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """Return a text of at most `width` pixels, ending with an ellipsis where something was cut.

    Control characters become spaces: the layout engine refuses some of them.
    """
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    if font.getlength(text) <= width:
        return text
    fits = next(
        length
        for length in range(len(text), -1, -1)
        if font.getlength(text[:length] + "…") <= width
    )
    return text[:fits].rstrip() + "…"


@cache
def font_of(size: int, weight: int) -> ImageFont.FreeTypeFont:
    """Return Source Sans 3: unlike Pillow's own font it has the letters of most languages."""
    files = resources.files("fontpkg_source_sans_3") / "files"
    with resources.as_file(files / "SourceSans3[wght].ttf") as path:
        font = ImageFont.truetype(path, size)
    font.set_variation_by_axes([weight])
    return font
