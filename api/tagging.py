"""Labels and categories for many photos: read in threads, answered in batches, streamed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from indexer.classes import Classes, LabelProbability, classes_of
from indexer.embedding import PhotoEmbedder, Pixels, load_embedder, predict
from indexer.shop import Shop
from vsearch.errors import ShopError
from vsearch.images import ImageError, load, read_photo
from vsearch.progress import Progress, silent
from vsearch.taxonomy import format_path


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
        if self.shown.unknown is not None:
            return self.best.name
        return " | ".join(label.name for label in self.shown.labels if label.assigned)

    @property
    def category(self) -> str:
        """Return the category of the best label that stands for one; empty where none does."""
        labels = (self.best, *self.shown.labels)
        return format_path(next((label.path for label in labels if label.path), ()))

    def to_json(self) -> dict[str, object]:
        """Return what `vsearch classify --json` prints of a photo."""
        return {"photo": str(self.photo), **self.shown.to_json()}


@dataclass
class Tagger:
    """Classifies photos with a shop's model; `unreadable` collects those that cannot be used."""

    embedder: PhotoEmbedder
    max_bytes: int
    max_pixels: int
    unreadable: dict[Path, ImageError] = field(default_factory=dict)

    @classmethod
    def open(cls, shop: Shop) -> "Tagger":
        """Load the model that serves or, before the first build, the one that was trained.

        Raises:
            ShopError: the shop has no model.
            BundleError: the model is damaged.
        """
        model = shop.current().model or shop.trained_model()
        settings = shop.settings
        return cls(load_embedder(shop, model), settings.max_bytes, settings.max_pixels)

    def __call__(self, photos: Sequence[Path], progress: Progress = silent) -> Iterator[Tags]:
        """Yield what each photo shows, in order; unreadable ones are left out."""
        tagged = 0
        progress("classify", 0, len(photos))
        for paths, predictions in predict(self.embedder, photos, self._read):
            yield from map(Tags, paths, classes_of(self.embedder, predictions))
            tagged += len(paths)
            progress("classify", tagged + len(self.unreadable), len(photos))
        progress("classify", len(photos), len(photos))

    def _read(self, path: Path) -> Pixels | None:
        try:
            data = read_photo(path, max_bytes=self.max_bytes)
            return load(data, self.embedder.spec, max_pixels=self.max_pixels)
        except ImageError as error:
            self.unreadable[path] = error
            return None


def photos_in(path: Path) -> list[Path]:
    """Return the files below a folder, hidden ones left out; a file is itself the only one.

    Raises:
        ShopError: the folder holds no file.
    """
    if not path.is_dir():
        return [path]
    found = sorted(
        file
        for file in path.rglob("*")
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not found:
        raise ShopError(f"{path} holds no file: name a photo or a folder of photos")
    return found
