"""The contact sheet: words that fit, photos in their places, missing ones told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFont

from api.sheet import (
    ACCENT,
    COLUMNS,
    Prediction,
    Tile,
    contact_sheet,
    draw_sheet,
    ellipsis,
    font_of,
    predicted,
    wrap,
)
from indexer.classes import CategoryProbability, Classes, LabelProbability
from indexer.search import Searcher
from indexer.shop import Shop
from tests.indexer.tiny_shop import TinyEmbedder, painted
from vsearch.images import Crop
from vsearch.taxonomy import CategoryPath

RED, BLUE = (220, 20, 30), (20, 30, 220)


def sheet(tiles: int, predictions: int = 2) -> Image.Image:
    tile = Tile(Image.new("RGB", (40, 80), BLUE), "A title", "Fruit > Apple", 0.5)
    shown = [Prediction("Fruit", 0.9)] * predictions
    return draw_sheet(Image.new("RGB", (80, 40), RED), [tile] * tiles, shown, "Shop")


def count(image: Image.Image, colour: tuple[int, ...]) -> int:
    colours = image.getcolors(image.width * image.height)
    assert colours is not None
    return sum(number for number, found in colours if found == colour)


def test_every_hit_is_drawn_whole_and_the_query_once() -> None:
    one, seven = sheet(1), sheet(7)
    assert count(seven, BLUE) == 7 * count(one, BLUE) > 0
    assert count(one, RED) == count(seven, RED) > 0


def test_the_sheet_grows_by_rows() -> None:
    assert sheet(1).size == sheet(COLUMNS).size
    assert sheet(COLUMNS + 1, 0).height < sheet(2 * COLUMNS + 1, 0).height
    assert sheet(30).width == sheet(0).width


def test_the_query_has_a_frame() -> None:
    frame = tuple(int(ACCENT[start : start + 2], 16) for start in (1, 3, 5))
    assert count(sheet(0, 0), frame) > 4 * 300


def test_a_photo_that_cannot_be_read_leaves_its_words() -> None:
    with_photo, without = (
        sheet(1),
        draw_sheet(
            Image.new("RGB", (80, 40), RED), [Tile(None, "A title", "Fruit", 0.5)], [], "Shop"
        ),
    )
    assert count(without, BLUE) == 0
    assert without.width == with_photo.width


@given(st.text(max_size=80), st.integers(40, 400))
def test_shortened_text_fits(text: str, width: int) -> None:
    font = font_of(19, 600)
    fitted = ellipsis(text, font, width)
    assert font.getlength(fitted) <= width
    assert fitted.endswith("…") or len(fitted) == len(text)


@given(st.lists(st.text("abcdefghij", min_size=1, max_size=14), max_size=12))
def test_wrapped_text_fits_and_keeps_its_words(words: list[str]) -> None:
    font = font_of(19, 600)
    lines = wrap(" ".join(words), font, 200, 2)
    assert len(lines) <= 2
    assert all(font.getlength(line) <= 200 for line in lines)
    told = " ".join(lines)
    assert told == " ".join(words) or told.endswith("…")


@pytest.mark.parametrize("letter", list("äéßłčŽøĐ€“Жλ"))
def test_the_font_has_the_letters_of_most_languages(letter: str) -> None:
    font = font_of(19, 400)
    missing = font.getmask("\uffff")
    assert bytes(font.getmask(letter)) != bytes(missing)


def test_a_shops_sheet_shows_catalogue_photos_only(shop: Shop, embedder: TinyEmbedder) -> None:
    searcher = Searcher.open(shop, embedder=embedder)
    result = searcher.search(painted(1))
    drawn = contact_sheet(shop, painted(1), result)
    for _, photo in shop.catalogue.photos(role="further"):
        photo.path.unlink()
    assert contact_sheet(shop, painted(1), result).tobytes() == drawn.tobytes()
    for _, photo in shop.catalogue.photos(role="catalogue"):
        photo.path.unlink()
    assert contact_sheet(shop, painted(1), result).tobytes() != drawn.tobytes()
    cropped = contact_sheet(shop, painted(1), result, Crop(0, 0, 0.5, 0.5))
    assert cropped.size == drawn.size


def test_labels_without_a_category_are_listed_too() -> None:
    def label(name: str, path: CategoryPath, assigned: bool) -> LabelProbability:
        return LabelProbability(name, path, 0.7, assigned)

    fruit = (CategoryProbability(("Fruit",), 1.0), CategoryProbability(("Fruit", "Nut"), 0.001))
    labels = (label("Fruit", ("Fruit",), True), label("red", (), True), label("big", (), False))
    assert predicted(Classes(labels, fruit, None, None)) == [
        Prediction("Fruit", 1.0),
        Prediction("red", 0.7),
    ]
    turned_away = Classes((label("sold here", (), False),), (), True, 0.9)
    assert predicted(turned_away) == [Prediction("sold here", 0.7)]


def test_a_font_is_loaded_once() -> None:
    assert font_of(19, 400) is font_of(19, 400)
    assert isinstance(font_of(19, 400), ImageFont.FreeTypeFont)
