"""Labels and categories for many photos: read in threads, answered in batches, streamed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from indexer.embedding import PhotoEmbedder, Pixels, load_embedder, predict
from indexer.search import CategoryProbability, LabelProbability, best_classes
from indexer.shop import Shop
from vsearch.errors import ShopError
from vsearch.images import ImageError, load, read_photo
from vsearch.progress import Progress, silent


@dataclass(frozen=True)
class Tags:
    """What one photo shows; labels and categories best first."""

    photo: Path
    labels: tuple[LabelProbability, ...]
    categories: tuple[CategoryProbability, ...]
    unknown: bool | None = None

    def to_json(self) -> dict[str, object]:
        """Return what `vsearch classify --json` prints of a photo."""
        return {
            "photo": str(self.photo),
            "labels": [label.to_json() for label in self.labels],
            "categories": [category.to_json() for category in self.categories],
            "unknown": self.unknown,
        }


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
        labels = self.embedder.bundle.labels
        tagged = 0
        progress("classify", 0, len(photos))
        for paths, predictions in predict(self.embedder, photos, self._read):
            for path, probabilities in zip(paths, predictions.probabilities, strict=True):
                yield Tags(path, *best_classes(labels, probabilities))
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
