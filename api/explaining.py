"""Why a photo was given its labels and why it found a hit, as pictures that a page can show.

An explanation takes a pass through the network of its own, in float32 and not shared with others:
it is asked for by people who look at one photo.
"""

import base64
import io
import threading
from collections.abc import Sequence
from itertools import islice

from cachetools import LRUCache
from PIL import Image

from api.explain import PhotoSeen, explain_hits, explain_labels
from api.schemas.explanations import ExplanationDocument, HitReason, LabelReason
from indexer.search import SearchHit
from indexer.shop import Shop
from vsearch.explain import Explainer
from vsearch.images import Crop
from vsearch.taxonomy import format_path

LABELS, HITS = 3, 3  # explained at most
_SIDE = 480  # pixels of a picture
_MODELS = 2  # kept: the one that serves, and the one before while it is still asked


class Explanations:
    """Explains photos with the models of a shop, each loaded when it is first asked for.

    Args:
        shop: the shop; it must stay open.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._lock = threading.Lock()
        self._explainers: LRUCache[str, Explainer] = LRUCache(_MODELS)

    def explain(
        self, model: str, data: bytes, crop: Crop | None, hits: Sequence[SearchHit] = ()
    ) -> ExplanationDocument:
        """Return what of a photo speaks for its labels, and what it has in common with hits.

        Args:
            model: model_fingerprint of the model that answered.
            data: the photo's file.
            crop: the part of it that was looked at.
            hits: what it found; the first `HITS` are explained, by their catalogue photos.

        Raises:
            ImageError: the photo cannot be used.
            BundleError: the model is gone.
        """
        limit = self._shop.settings.max_pixels
        seen = PhotoSeen.of(self._explainer(model), data, crop, limit)
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

    def _explainer(self, model: str) -> Explainer:
        with self._lock:
            found = self._explainers.get(model)
            if found is None:
                found = Explainer.load(self._shop.models / model)
                self._explainers[model] = found
            return found


def picture(image: Image.Image) -> str:
    """Return a JPEG as a data URI, which a page shows without asking again."""
    small = image.convert("RGB")
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
