"""Room for what a hit was found by: two photos with a heat map on each."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from api.report.markup import Markup, tag
from api.report.thumbnails import data_uri

SIDE = 320  # pixels of a picture's longer side


@dataclass(frozen=True)
class Explanation:
    """Why a photo found what it found.

    Attributes:
        caption: what is shown, such as “Granny Smith, taken for Golden Delicious”.
        query: the photo that was asked with, with its heat map drawn on it.
        hit: the photo that was found, with its own.
        query_plain: the photo without a heat map, for comparison; None: not shown.
        hit_plain: the same of the hit.
    """

    caption: str
    query: Image.Image
    hit: Image.Image
    query_plain: Image.Image | None = None
    hit_plain: Image.Image | None = None


def explanations_section(pairs: Sequence[Explanation]) -> Markup | None:
    """Return the pairs with their heat maps; None without any."""
    if not pairs:
        return None
    return tag(
        "section",
        tag("h2", "Why"),
        tag(
            "p",
            "Warm colours mark the parts of the two photos that made the model find them alike. "
            "Where it looks at the shelf and not at the product, more photos on other "
            "backgrounds help.",
        ),
        tag("div", [_pair(pair) for pair in pairs], class_="why"),
        id="why",
    )


def _pair(pair: Explanation) -> Markup:
    pictures = (
        (pair.query_plain, "photo"),
        (pair.query, "what of it counted"),
        (pair.hit, "what of the hit counted"),
        (pair.hit_plain, "hit"),
    )
    shown = [_picture(picture, pair.caption, what) for picture, what in pictures if picture]
    return tag("figure", tag("div", shown, class_="four"), tag("figcaption", pair.caption))


def _picture(picture: Image.Image, caption: str, what: str) -> Markup:
    small = picture.convert("RGB")
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    alt = f"{caption}: {what}"
    return tag(
        "img", src=data_uri(small), alt=alt, width=small.width, height=small.height, loading="lazy"
    )
