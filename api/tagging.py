"""Labels and categories for many photos: read in threads, answered in batches, streamed."""

import os
from collections.abc import Container, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from indexer.classes import Classes, LabelProbability, classes_of
from indexer.embedding import PhotoEmbedder, Pixels, load_embedder, predict
from indexer.search import Searcher
from indexer.shop import Shop
from vsearch.errors import ShopError
from vsearch.images import ImageError, load, read_photo
from vsearch.progress import Progress, silent
from vsearch.taxonomy import format_path

SORTED = ".vsearch-sorted"  # marks a folder that photos were sorted into


@dataclass(frozen=True)
class Tags:
    """What one photo shows."""

    photo: Path
    shown: Classes

    @property
    def best(self) -> LabelProbability:
        """Return the most probable of the labels that the photo is given, or else of all."""
        labels = self.shown.labels
        return next((label for label in labels if label.assigned), labels[0])

    @property
    def label(self) -> str:
        """Return the labels that the photo is given; of one that is turned away, the best label."""
        given = " | ".join(label.name for label in self.shown.labels if label.assigned)
        return given or (self.best.name if self.shown.unknown else "")

    @property
    def category(self) -> str:
        """Return the category of the best label that stands for one; empty where none does."""
        labels = (self.best, *self.shown.labels)
        return format_path(next((label.path for label in labels if label.path), ()))

    def to_json(self) -> dict[str, object]:
        """Return what `vsearch classify --json` prints of a photo."""
        return {"photo": str(self.photo), **self.shown.to_json()}


@dataclass(frozen=True)
class Unreadable:
    """A photo that cannot be used, and why."""

    photo: Path
    error: ImageError


@dataclass
class Tagger:
    """Classifies photos with a shop's model; `unreadable` collects those that cannot be used."""

    embedder: PhotoEmbedder
    max_bytes: int
    max_pixels: int
    searcher: Searcher | None = None  # judges what is unknown
    unreadable: dict[Path, ImageError] = field(default_factory=dict)

    @classmethod
    def open(cls, shop: Shop) -> "Tagger":
        """Load the pair that serves or, before the first build, the model that was trained.

        Raises:
            ShopError: the shop has no model.
            BundleError: the model is damaged.
            VersionError: the index that serves is damaged.
        """
        current, settings = shop.current(), shop.settings
        embedder = load_embedder(shop, current.model or shop.trained_model())
        searcher = Searcher.open(shop, embedder=embedder) if current.index else None
        return cls(embedder, settings.max_bytes, settings.max_pixels, searcher)

    def __call__(self, photos: Sequence[Path], progress: Progress = silent) -> Iterator[Tags]:
        """Yield what each photo shows, in order; unreadable ones are left out."""
        answered = 0
        progress("classify", 0, len(photos))
        for batch in self.batches(photos):
            for one in batch:
                if isinstance(one, Unreadable):
                    self.unreadable[one.photo] = one.error
                else:
                    yield one
            answered += len(batch)
            progress("classify", answered, len(photos))

    def batches(self, photos: Iterable[Path]) -> Generator[list[Tags | Unreadable], None, None]:
        """Yield an answer for each photo, batch by batch; within one, unreadable photos come last.

        A few batches are read ahead and nothing else is kept, however many photos there are: an
        unreadable photo takes its place in a batch as a blank one, so that a folder of files that
        are none does not pile up while a batch waits to be full.
        """
        jobs = map(_Reading, photos)
        for readings, predictions in predict(self.embedder, jobs, self._read):
            if self.searcher:
                shown = self.searcher.classes(predictions)
            else:
                shown = classes_of(self.embedder.bundle.labels, predictions)
            answers = zip(readings, shown, strict=True)
            tagged = [Tags(one.photo, shown) for one, shown in answers if one.error is None]
            failed = [Unreadable(one.photo, one.error) for one in readings if one.error]
            yield [*tagged, *failed]

    def _read(self, reading: "_Reading") -> Pixels:
        try:
            data = read_photo(reading.photo, max_bytes=self.max_bytes)
            return load(data, self.embedder.spec, max_pixels=self.max_pixels)
        except ImageError as error:
            reading.error = error
            return np.zeros((self.embedder.spec.size, self.embedder.spec.size, 3), np.uint8)


@dataclass
class _Reading:
    photo: Path
    error: ImageError | None = None


def walk(path: Path, leave_out: Container[str] = ()) -> Iterator[Path]:
    """Yield the files below a folder, in order of their names; a file is itself the only one.

    Hidden files and folders are left out, links to folders are not followed, and folders within it
    that photos were sorted into are not entered: theirs are known. The names of one folder at a
    time are held, not those of the whole tree, and files may be taken away meanwhile.

    Args:
        path: the folder, or a file.
        leave_out: real paths of files that are not yielded and of folders that are not entered.
    """
    if not path.is_dir():
        yield path
        return
    real = Path(os.path.realpath(path))
    try:
        with os.scandir(path) as entries:
            names = sorted(
                (entry.name, entry.is_dir(follow_symlinks=False))
                for entry in entries
                if not entry.name.startswith(".")
                if str(real / entry.name) not in leave_out
            )
    except OSError:  # told of as a photo that cannot be read, so that nothing is passed over
        names = []
        yield path
    for name, is_folder in names:
        if is_folder:
            if not (path / name / SORTED).exists():
                yield from walk(path / name, leave_out)
        elif not (path / name).is_dir():  # a link that leads nowhere is told of, too
            yield path / name


def photos_in(path: Path) -> list[Path]:
    """Return the files below a folder, hidden ones left out; a file is itself the only one.

    Raises:
        ShopError: the folder holds no file.
    """
    found = list(walk(path))
    if not found:
        raise ShopError(nothing_below(path))
    return found


def nothing_below(path: Path) -> str:
    """Return the refusal of a folder without files."""
    return f"{path} holds no file: name a photo or a folder of photos"
