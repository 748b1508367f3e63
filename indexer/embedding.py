"""Many photos through the network: read and decoded in threads ahead of it, batch by batch."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from indexer.shop import Shop
from vsearch.data import Label
from vsearch.errors import ShopError
from vsearch.images import (
    ImageError,
    ImageProblem,
    ImageSpec,
    content_hash,
    load,
    read_photo,
)

Job = TypeVar("Job")
Kept = TypeVar("Kept", bound="KeptPhoto")
Pixels = NDArray[np.uint8]

BULK = 32  # photos that are seen and, where they are kept, committed together
READERS = min(4, os.cpu_count() or 1)
_BATCHES_AHEAD = 2


class KeptPhoto(Protocol):
    """A photo that the catalogue knows."""

    @property
    def path(self) -> Path:
        """Where its bytes are."""

    @property
    def content_hash(self) -> str:
        """The SHA-256 of these when it was imported, in hex."""


class ModelBundle(Protocol):
    """What the indexer asks of a trained model's description."""

    @property
    def labels(self) -> Sequence[Label]:
        """The classes, in the order of the columns of probabilities."""

    @property
    def label_columns(self) -> Sequence[str]:
        """Where the labels come from: "category", "item_id" or names of attributes."""


class Kind(Protocol):
    """What the indexer asks of a kind of classification; `vsearch.objectives` has all of them."""

    @property
    def name(self) -> str:
        """What the command line calls it."""

    @property
    def exclusive(self) -> bool:
        """Whether a photo has exactly one label."""

    @property
    def rejects(self) -> bool:
        """Whether a photo may be of nothing that is sold here."""

    @property
    def most_labels(self) -> int | None:
        """How many labels there can be; None: any number."""


class PhotoPredictions(Protocol):
    """The answers to a batch of photos."""

    @property
    def embeddings(self) -> NDArray[np.float32]:
        """Shape (n, dim), rows of unit length."""

    @property
    def logits(self) -> NDArray[np.float32]:
        """Shape (n, outputs), what probabilities are made of."""

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """Shape (n, labels), 0..1; rows sum to 1 where a photo has exactly one label."""

    @property
    def assigned(self) -> NDArray[np.bool_]:
        """Shape (n, labels), the labels that each photo is given."""

    @property
    def shares(self) -> NDArray[np.float32]:
        """Shape (n, labels), what rolls up the category tree; rows sum to 1 or 0."""

    @property
    def familiarity(self) -> NDArray[np.float32]:
        """Shape (n, 2), how usual among the training photos, and how typical of one class.

        Higher is more so; the second is NaN of photos of labels whose features the model does not
        know. (n, 1) where a photo may have several labels, (n, 0) where the model does not tell.
        """

    @property
    def foreign(self) -> NDArray[np.float32] | None:
        """Shape (n,), how foreign each photo looks, within 0..1, from .5 on those turned away.

        None where this kind of classification turns no photo away.
        """


class PhotoEmbedder(Protocol):
    """What the indexer asks of a network; `vsearch.embed.Embedder` is one."""

    @property
    def bundle(self) -> ModelBundle:
        """The model's description."""

    @property
    def objective(self) -> Kind:
        """The kind of classification."""

    @property
    def spec(self) -> ImageSpec:
        """The pixels that the network expects."""

    @property
    def dim(self) -> int:
        """Length of an embedding."""

    @property
    def embedding_fingerprint(self) -> str:
        """What decides the embeddings."""

    @property
    def model_fingerprint(self) -> str:
        """That, with the classes."""

    @property
    def batch_sizes(self) -> Sequence[int]:
        """The numbers of photos that go through the network in one pass, ascending.

        Any number is answered; these need no new compilation. The last is the best for bulk.
        """

    def __call__(self, pixels: Pixels, /) -> PhotoPredictions:
        """Answer for photos of shape (n, size, size, 3)."""

    def uncalibrated(
        self, logits: NDArray[np.float32], /
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return probabilities and shares, (n, labels) each, had nothing been calibrated."""


def load_embedder(shop: Shop, model: str | None) -> PhotoEmbedder:
    """Return the network of one of the shop's models.

    Raises:
        ShopError: there is none yet.
        BundleError: its folder is missing or damaged.
    """
    if model is None:
        raise ShopError(f"{shop.path} has no trained model: run `vsearch train {shop.path}`")
    from vsearch.embed import Embedder  # noqa: PLC0415  JAX takes seconds to import

    return Embedder.load(shop.models / model)


def pixels_of(shop: Shop, spec: ImageSpec, path: Path, photo_hash: str) -> Pixels:
    """Return the pixels of a photo that the catalogue knows, (size, size, 3).

    Raises:
        ImageError: it cannot be used, or is no longer the photo that was imported.
    """
    data = imported_photo(shop, path, photo_hash)
    return load(data, spec, max_pixels=shop.settings.max_pixels)


def imported_photo(shop: Shop, path: Path, photo_hash: str) -> bytes:
    """Return the bytes of a photo that the catalogue knows.

    Raises:
        ImageError: it cannot be read, or is no longer the photo that was imported.
    """
    data = read_photo(path, max_bytes=shop.settings.max_bytes)
    if content_hash(data) != photo_hash:
        message = f"{path} is not the photo that was imported, its bytes differ: import it again"
        raise ImageError(ImageProblem.MISSING, message)
    return data


def predict(
    embedder: PhotoEmbedder, jobs: Iterable[Job], read: Callable[[Job], Pixels | None]
) -> Iterator[tuple[list[Job], PhotoPredictions]]:
    """Yield the network's answers batch by batch, in the order of the jobs.

    Args:
        embedder: the network.
        jobs: what stands for the photos.
        read: returns a photo's pixels, or None to leave it out; runs in several threads at once.
    """
    size = max(BULK, embedder.batch_sizes[-1])
    photos = _read_ahead(jobs, read, depth=_BATCHES_AHEAD * size)
    try:
        while batch := list(islice(photos, size)):
            pixels = np.stack([photo for _, photo in batch])
            yield [job for job, _ in batch], embedder(pixels)
    finally:
        photos.close()


def predict_usable(
    shop: Shop, embedder: PhotoEmbedder, photos: Iterable[Kept]
) -> Iterator[tuple[list[Kept], PhotoPredictions]]:
    """Yield the same for photos that the catalogue knows; those that cannot be used are left out.

    Args:
        shop: the shop.
        embedder: the network.
        photos: which.
    """

    def read(photo: Kept) -> Pixels | None:
        try:
            return pixels_of(shop, embedder.spec, photo.path, photo.content_hash)
        except ImageError:
            return None

    return predict(embedder, photos, read)


def _read_ahead(
    jobs: Iterable[Job], read: Callable[[Job], Pixels | None], depth: int
) -> Generator[tuple[Job, Pixels], None, None]:
    pool = ThreadPoolExecutor(READERS, thread_name_prefix="photos")
    waiting: deque[tuple[Job, Future[Pixels | None]]] = deque()
    source = iter(jobs)
    try:
        while True:
            for job in islice(source, depth - len(waiting)):
                waiting.append((job, pool.submit(read, job)))
            if not waiting:
                return
            job, future = waiting.popleft()
            if (pixels := future.result()) is not None:
                yield job, pixels
    finally:
        pool.shutdown(cancel_futures=True)
