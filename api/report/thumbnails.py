"""Photos as small pictures in a few sheets (sprites), each photo once however often it is shown."""

import base64
import io
import os
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from PIL import Image, ImageDraw

from api.report.markup import Markup, tag
from vsearch.images import ImageError
from vsearch.progress import Progress, silent, track

COLUMNS = 12
ROWS = 100  # of a sheet: WebP allows 16,383 pixels a side
GUTTER = 2  # clear pixels around a picture, so that neighbours do not shine through when scaled
QUALITY = 72

Load = Callable[[], Image.Image]
"""Reads a photo; raises ImageError where it cannot be read."""


@dataclass
class Gallery:
    """The pictures of one size on a page.

    Attributes:
        name: what the page's style sheet calls them, a letter or a few.
        side: pixels of the square that each fits in.
        columns: of a sheet.
    """

    name: str
    side: int
    columns: int = COLUMNS
    _places: dict[Hashable, int] = field(default_factory=dict)
    _loads: list[Load] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._loads)

    @property
    def each(self) -> int:
        """How many pictures a sheet holds."""
        return self.columns * ROWS

    def place(self, key: Hashable, load: Load) -> int:
        """Return the number of a photo in the sheets; it is read once, when they are drawn.

        Args:
            key: what the photo is known by.
            load: reads it.
        """
        if key not in self._places:
            self._places[key] = len(self._loads)
            self._loads.append(load)
        return self._places[key]

    def show(self, key: Hashable, load: Load, alt: str, class_: str = "") -> Markup:
        """Return the element that shows a photo.

        Args:
            key: what the photo is known by.
            load: reads it.
            alt: what it shows, for those who cannot see it.
            class_: further classes of the element.
        """
        sheet, number = divmod(self.place(key, load), self.each)
        row, column = divmod(number, self.columns)
        return tag(
            "span",
            class_=f"shot {self.name}{sheet} {class_}".strip(),
            style=f"--x:{column};--y:{row}",
            role="img",
            aria_label=alt,
        )

    def sheets(self, progress: Progress = silent, stage: str = "photos") -> list[str]:
        """Read all photos and return the sheets as data URIs, in order.

        Args:
            progress: told of `stage`, in photos.
            stage: what it is called.
        """
        inner = self.side - 2 * GUTTER
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            small = pool.map(lambda load: _fitted(load, inner), self._loads)
            pictures = list(track(small, len(self._loads), stage, progress))
        starts = range(0, len(pictures), self.each)
        return [self._sheet(pictures[start : start + self.each]) for start in starts]

    def _sheet(self, pictures: list[Image.Image]) -> str:
        rows = -(-len(pictures) // self.columns)
        # Clear where a photo is not square: the page's own colour shows, by day and by night.
        sheet = Image.new("RGBA", (self.columns * self.side, rows * self.side), (0, 0, 0, 0))
        for number, picture in enumerate(pictures):
            row, column = divmod(number, self.columns)
            x = column * self.side + (self.side - picture.width) // 2
            y = row * self.side + (self.side - picture.height) // 2
            sheet.paste(picture, (x, y))
        return data_uri(sheet)

    def style(self, sheets: list[str]) -> str:
        """Return the rules that give the elements of `show` their pictures."""
        return "".join(
            f".{self.name}{number}{{--n:{self.columns};background-image:url({uri})}}"
            for number, uri in enumerate(sheets)
        )


def data_uri(picture: Image.Image, quality: int = QUALITY) -> str:
    """Return a picture as a WebP data URI."""
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=quality, method=4)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def _fitted(load: Load, side: int) -> Image.Image:
    try:
        picture = load()
    except ImageError:
        return _unreadable(side)
    picture = picture.convert("RGB")
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return picture


def _unreadable(side: int) -> Image.Image:
    """Return what stands for a photo that cannot be read: a crossed grey square."""
    picture = Image.new("RGB", (side, side), "#cfcbc2")
    pen = ImageDraw.Draw(picture)
    pen.line((0, 0, side, side), "#8a8378", max(1, side // 40))
    pen.line((0, side, side, 0), "#8a8378", max(1, side // 40))
    return picture
