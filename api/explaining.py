"""Why a photo was given its labels and why it found a hit, as pictures that a page can show.

An explanation takes passes of its own, in float32 and not shared with others: it is asked for by
people who look at one photo. All are made by one thread, so that they hold up no search.
"""

import asyncio
import base64
import io
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import ParamSpec, TypeVar

from PIL import Image

from api.busy import busy
from api.explain import PhotoSeen, explain_hits, explain_labels
from api.schemas.explanations import ExplanationDocument, HitReason, LabelReason
from indexer.embedding import PhotoEmbedder
from indexer.search import Searcher, SearchHit
from indexer.shop import Shop
from vsearch.bundle import Bundle
from vsearch.explain import Explainer
from vsearch.images import Crop
from vsearch.taxonomy import format_path

LABELS, HITS = 3, 3  # explained at most
_SIDE = 480  # pixels of a picture
WAITING = 8  # photos at once; of the server's places the others are left to searches

P = ParamSpec("P")
T = TypeVar("T")


class Explanations:
    """Explains photos with the model that serves, by a second network on the same weights.

    That network is made when an explanation is first asked for and let go when another model
    serves: beside the first it takes 70 MB of an EfficientNet-Lite0, its compiled pass included.

    Args:
        shop: the shop; it must stay open.
        most: photos that may wait or be explained at once.
    """

    def __init__(self, shop: Shop, most: int = WAITING) -> None:
        self._shop = shop
        self._most, self._held = most, 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="explain")
        self._lock = threading.Lock()
        self._made: tuple[str, Explainer] | None = None

    @contextmanager
    def hold(self, photos: int) -> Iterator[None]:
        """Hold places for photos that are to be explained, within the block; for the event loop.

        Args:
            photos: how many; alone, a request may have more than there are places.

        Raises:
            ProblemError: 503 with Retry-After where so many places are not free.
        """
        if photos and self._held and self._held + photos > self._most:
            raise busy("Too many photos wait to be explained.")
        self._held += photos
        try:
            yield
        finally:
            self._held -= photos

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a plain function gives, run in the thread that explains.

        It can be cancelled: what has not begun by then is never done.
        """
        bound = partial(work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._thread, bound)

    def keep(self, searcher: Searcher) -> None:
        """Let the network go unless it is of the model of `searcher`, which serves now."""
        with self._lock:
            if self._made and self._made[0] != searcher.embedder.model_fingerprint:
                self._made = None

    def stop(self) -> None:
        """End the thread; what has not begun is not begun."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def explain(
        self, network: PhotoEmbedder, data: bytes, crop: Crop | None, hits: Sequence[SearchHit] = ()
    ) -> ExplanationDocument:
        """Return what of a photo speaks for its labels, and what it has in common with hits.

        Args:
            network: the one that answered.
            data: the photo's file.
            crop: the part of it that was looked at.
            hits: what it found; the first `HITS` are explained, by their catalogue photos.

        Raises:
            ImageError: the photo cannot be used.
        """
        limit = self._shop.settings.max_pixels
        seen = PhotoSeen.of(self._explainer(network), data, crop, limit)
        labels = [
            LabelReason(
                name=one.name,
                path=format_path(one.path),
                probability=one.probability,
                picture=picture(one.marked),
                foreign=one.foreign,
            )
            for one in explain_labels(seen, LABELS)
        ]
        first = islice(hits, HITS)
        reasons = [
            HitReason(
                item_id=one.hit.item.item_id,
                similarity=one.similarity,
                query=picture(one.query),
                found=picture(one.found),
            )
            for one in explain_hits(self._shop, seen, first, public=True)
            if one.found is not None
        ]
        return ExplanationDocument(labels=labels, hits=reasons)

    def _explainer(self, network: PhotoEmbedder) -> Explainer:
        """Return what explains a network, from the weights that it holds in memory."""
        name = network.model_fingerprint
        with self._lock:
            if self._made is None or self._made[0] != name:
                bundle = network.bundle
                if not isinstance(bundle, Bundle):
                    raise TypeError(f"only a model of this program is explained, got {bundle!r}")
                self._made = None  # before the next is made, so that there are never two
                self._made = name, Explainer(bundle)
            return self._made[1]


def picture(image: Image.Image) -> str:
    """Return a JPEG as a data URI, which a page shows without asking again."""
    small = image.convert("RGB")
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
