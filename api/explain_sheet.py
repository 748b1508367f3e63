"""The sheet that says why: a photo, what speaks for its labels, what it has in common with hits."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from api.explain import LabelExplained, PhotoSeen, explain_hits, explain_labels
from api.heat_marks import draw_scale
from api.sheet import (
    ACCENT,
    BOLD,
    CARD,
    GAP,
    LINE,
    MARGIN,
    MUTED,
    PADDING,
    PAPER,
    QUERY_WIDTH,
    REGULAR,
    SEMIBOLD,
    Prediction,
    draw_query,
    font_of,
    paste,
    predicted,
    query_height,
    wrap,
    write,
)
from indexer.classes import Classes
from indexer.search import SearchResult
from indexer.shop import Shop
from vsearch.explain import Explainer
from vsearch.images import Crop
from vsearch.taxonomy import format_path

HITS = 3
PICTURE = 264
WORDS = 280  # pixels for what is written beside the pictures
HEAD, FOOT = 64, 46
CAPTION = 24
ASIDE = QUERY_WIDTH + 32 + GAP  # what `draw_reasons` draws under the predictions
ROLES = {"catalogue": "catalogue photo", "further": "further photo"}
LEGEND = "Warm: gives more to the score than the average place. Grey: no more. Pale: not seen."


@dataclass(frozen=True)
class Row:
    """One reason: pictures with a word below each, and what is said beside them."""

    pictures: tuple[tuple[Image.Image | None, str], ...]
    over: str
    title: str
    below: str
    figure: str
    note: str = ""


def search_explained(
    shop: Shop,
    explainer: Explainer,
    data: bytes,
    result: SearchResult,
    crop: Crop | None = None,
    hits: int = HITS,
) -> Image.Image:
    """Draw why a photo was given its best label, and what it has in common with its first hits.

    The views that matched are drawn, which may be customers' photos: it is for the shop's own eyes.

    Args:
        shop: where the hits' photos are.
        explainer: the network that answered.
        data: the photo that was searched with.
        result: what was found.
        crop: the part of the photo that was searched with.
        hits: how many hits are explained.

    Raises:
        ImageError: the photo cannot be decoded.
    """
    photo = PhotoSeen.of(explainer, data, crop, shop.settings.max_pixels)
    rows = _hit_rows(shop, photo, result, hits)
    best = explain_labels(photo, 1)[0]
    heading = f"{shop.settings.name}: why these hits"
    return draw_reasons(photo.photo, rows, predicted(result), heading, best)


def labels_explained(
    shop: Shop, explainer: Explainer, data: bytes, shown: Classes, crop: Crop | None = None
) -> Image.Image:
    """Draw what of a photo speaks for its most probable labels.

    Args:
        shop: its name stands over the sheet.
        explainer: the network that answered.
        data: the photo.
        shown: what was answered.
        crop: the part of the photo that was looked at.

    Raises:
        ImageError: the photo cannot be decoded.
    """
    photo = PhotoSeen.of(explainer, data, crop, shop.settings.max_pixels)
    rows = [
        Row(
            ((one.marked, ""),),
            _told(one),
            one.name,
            format_path(one.path),
            f"{one.probability:.1%}".replace("%", " %"),
        )
        for one in explain_labels(photo)
    ]
    heading = f"{shop.settings.name}: why these labels"
    return draw_reasons(photo.photo, rows, predicted(shown), heading)


def _told(label: LabelExplained) -> str:
    return "What is unlike" if label.foreign else "What speaks for"


def _hit_rows(shop: Shop, photo: PhotoSeen, result: SearchResult, hits: int) -> list[Row]:
    explained = explain_hits(shop, photo, result.hits[:hits], public=False)
    return [
        Row(
            (
                (one.query, "photo: what is like the hit"),
                (one.found, "hit: what is like the photo"),
                (one.plain, "hit"),
            ),
            f"Hit {rank}",
            one.hit.item.title,
            format_path(one.hit.item.category),
            f"{one.similarity:.3f}",
            f"similarity with a {ROLES[one.role]}" if one.role else "its photo cannot be read",
        )
        for rank, one in enumerate(explained, start=1)
    ]


def draw_reasons(
    query: Image.Image,
    rows: Sequence[Row],
    predictions: Sequence[Prediction],
    heading: str,
    best: LabelExplained | None = None,
) -> Image.Image:
    """Draw the photo with what was predicted beside the reasons, one a row.

    Args:
        query: the photo, mode RGB.
        rows: the reasons; a place is kept for as many pictures as the longest has.
        predictions: what to list under the photo, best first.
        heading: one line over the sheet.
        best: what to draw under the predictions.

    Returns:
        An RGB image, as large as its content.
    """
    most = max((len(row.pictures) for row in rows), default=1)
    across = most * PICTURE + (most + 1) * PADDING + WORDS
    down = PICTURE + 2 * PADDING + (CAPTION if most > 1 else 0)
    width = MARGIN * 2 + QUERY_WIDTH + GAP * 2 + across
    aside = query_height(len(predictions)) + (ASIDE if best else 0)
    height = MARGIN * 2 + HEAD + max(aside, len(rows) * (down + GAP)) + FOOT
    sheet = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(sheet)
    write(pen, (MARGIN, MARGIN - 12), heading, 30, BOLD, width - 2 * MARGIN)
    draw_query(sheet, pen, (MARGIN, MARGIN + HEAD), query, predictions)
    if best:
        _draw_best(sheet, pen, (MARGIN, MARGIN + HEAD + query_height(len(predictions))), best)
    left = MARGIN + QUERY_WIDTH + GAP * 2
    for number, row in enumerate(rows):
        top = MARGIN + HEAD + number * (down + GAP)
        _draw_row(sheet, pen, (left, top, left + across, top + down), row)
    if not rows:
        write(pen, (left, MARGIN + HEAD), "Nothing in the shop matches.", 22, REGULAR, 500, MUTED)
    _draw_legend(sheet, pen, (MARGIN, height - MARGIN - 14))
    return sheet


def _draw_best(
    sheet: Image.Image, pen: ImageDraw.ImageDraw, corner: tuple[int, int], best: LabelExplained
) -> None:
    x, y = corner
    write(pen, (x, y), f"{_told(best)} {best.name}", 17, SEMIBOLD, QUERY_WIDTH, ACCENT)
    box = (x, y + 32, x + QUERY_WIDTH, y + 32 + QUERY_WIDTH)
    pen.rounded_rectangle(box, radius=16, fill=CARD, outline=LINE, width=1)
    paste(sheet, best.marked, (x + 12, y + 44), QUERY_WIDTH - 24)


def _draw_row(
    sheet: Image.Image, pen: ImageDraw.ImageDraw, box: tuple[int, int, int, int], row: Row
) -> None:
    pen.rounded_rectangle(box, radius=12, fill=CARD, outline=LINE, width=1)
    x, y = box[0] + PADDING, box[1] + PADDING
    for picture, told in row.pictures:
        if picture is not None:
            paste(sheet, picture, (x, y), PICTURE)
            write(pen, (x, y + PICTURE + 6), told, 16, REGULAR, PICTURE, MUTED)
        x += PICTURE + PADDING
    _write_words(pen, (x + PADDING, y + 6), row)


def _write_words(pen: ImageDraw.ImageDraw, corner: tuple[int, int], row: Row) -> None:
    x, y = corner
    width = WORDS - 2 * PADDING
    write(pen, (x, y), row.over, 17, SEMIBOLD, width, ACCENT)
    for line in wrap(row.title, font_of(22, SEMIBOLD), width, 3):
        y += 28
        write(pen, (x, y), line, 22, SEMIBOLD, width)
    write(pen, (x, y + 34), row.below, 16, REGULAR, width, MUTED)
    write(pen, (x, y + 68), row.figure, 30, BOLD, width)
    write(pen, (x, y + 110), row.note, 16, REGULAR, width, MUTED)


def _draw_legend(sheet: Image.Image, pen: ImageDraw.ImageDraw, corner: tuple[int, int]) -> None:
    x, y = corner
    draw_scale(sheet, (x, y + 2, x + 120, y + 14))
    write(pen, (x + 136, y - 4), LEGEND, 16, REGULAR, sheet.width - MARGIN - x - 136, MUTED)
