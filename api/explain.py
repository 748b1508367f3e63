"""Why a photo was given a label and why it found a hit: photos with heat drawn over them.

Pillow images are returned, which the sheet of the command line, a report and a page can show alike.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from PIL import Image

from api.heat_marks import mark
from api.photos import catalogue_photo
from indexer.records import Role
from indexer.search import SearchHit
from indexer.shop import Shop
from vsearch.explain import Explainer, Map, Seen
from vsearch.images import MAX_PIXELS, Crop, ImageError, decode, load, read_photo
from vsearch.taxonomy import CategoryPath

SIDE = 640  # of a drawn photo at most, pixels
LEAST_PROBABLE = 0.01  # a label that is less so is not explained


@dataclass(frozen=True)
class PhotoSeen:
    """A photo as people see it and as the network sees it."""

    photo: Image.Image
    seen: Seen
    explainer: Explainer
    crop: Crop | None = None

    @classmethod
    def of(
        cls,
        explainer: Explainer,
        data: bytes,
        crop: Crop | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> "PhotoSeen":
        """Decode a photo and run the network on it.

        Args:
            explainer: the network.
            data: the photo's file.
            crop: the part of the photo that is looked at.
            max_pixels: how many pixels a photo may have.

        Raises:
            ImageError: the photo cannot be used.
        """
        seen = explainer.see(load(data, explainer.spec, crop=crop, max_pixels=max_pixels))
        photo = decode(data, max_pixels=max_pixels, shorter_side=SIDE)
        photo.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        return cls(photo, seen, explainer, crop)

    def marked(self, values: Map) -> Image.Image:
        """Return the photo with a map of `explainer` drawn over it."""
        return mark(self.photo, values, self.explainer.spec, self.crop)


@dataclass(frozen=True)
class LabelExplained:
    """What of a photo speaks for a label.

    Attributes:
        name: the label, as people read it.
        path: the category that it stands for; empty for none.
        probability: 0..1.
        marked: the photo, warm where it speaks for the label.
        foreign: the photo is turned away, and is warm where it is unlike what is sold here.
    """

    name: str
    path: CategoryPath
    probability: float
    marked: Image.Image
    foreign: bool = False


def explain_labels(photo: PhotoSeen, most: int = 3) -> list[LabelExplained]:
    """Return what of a photo speaks for its most probable labels, the best first.

    Args:
        photo: the photo.
        most: how many labels; at least one is explained, others only where they are probable.
    """
    explainer = photo.explainer
    probabilities, assigned = explainer.probabilities(photo.seen)
    ranked = (-probabilities).argsort(kind="stable").tolist()
    labels = [i for i in ranked[:most] if i == ranked[0] or probabilities[i] >= LEAST_PROBABLE]
    foreign = explainer.objective.rejects and not assigned.any()
    explained = []
    for i in labels:
        label, values = explainer.bundle.labels[i], explainer.label_map(photo.seen, i)
        marked = photo.marked(-values if foreign else values)
        explained.append(
            LabelExplained(label.name, label.path, float(probabilities[i]), marked, foreign)
        )
    return explained


def explain_pair(query: PhotoSeen, hit: PhotoSeen) -> tuple[Image.Image, Image.Image]:
    """Return two photos, the query first, warm where either is like the other."""
    for_query, for_hit = query.explainer.similarity_maps(query.seen, hit.seen)
    return query.marked(for_query), hit.marked(for_hit)


@dataclass(frozen=True)
class HitExplained:
    """What a photo and a hit have in common.

    Attributes:
        hit: the hit.
        role: which kind of the item's photos it is shown by; None where none can be read.
        similarity: cosine of the two photos, to which either map adds up, -1..1. It is the hit's
            score, unless the hit is shown by another photo than the one that matched.
        query: the photo, warm where it is like the hit.
        found: the hit's photo, warm where it is like the query.
        plain: the hit's photo as it is.
    """

    hit: SearchHit
    role: Role | None
    similarity: float
    query: Image.Image
    found: Image.Image | None
    plain: Image.Image | None


def explain_hits(
    shop: Shop, query: PhotoSeen, hits: Iterable[SearchHit], *, public: bool
) -> Iterator[HitExplained]:
    """Yield what a photo and each of its hits have in common.

    Args:
        shop: where the hits' photos are.
        query: the photo that was searched with.
        hits: what it found.
        public: whether anybody may see it. An item is then shown by its first catalogue photo, as
            everywhere; otherwise by the very view that matched, which may be a customer's photo.
    """
    for hit in hits:
        try:
            data, role = _photo_of(shop, hit, public)
            found = PhotoSeen.of(query.explainer, data, max_pixels=shop.settings.max_pixels)
        except ImageError:
            yield HitExplained(hit, None, hit.score, query.photo, None, None)
            continue
        similarity = min(float(query.seen.embedding @ found.seen.embedding), 1.0)
        yield HitExplained(hit, role, similarity, *explain_pair(query, found), found.photo)


def _photo_of(shop: Shop, hit: SearchHit, public: bool) -> tuple[bytes, Role]:
    view = shop.catalogue.photos_by_key([hit.photo_key]).get(hit.photo_key)
    if view is None or public:  # the view was taken out of the catalogue after the last build
        return catalogue_photo(shop, hit.item), "catalogue"
    return read_photo(view.path, max_bytes=shop.settings.max_bytes), view.role
