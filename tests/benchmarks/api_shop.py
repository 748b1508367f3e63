"""The shop of the load benchmark: a copy, with a second model, and photos to ask with."""

import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from indexer.build import build
from indexer.embedding import PhotoEmbedder
from indexer.search import Searcher
from indexer.shop import Current, Shop
from vsearch.bundle import Bundle
from vsearch.embed import Embedder
from vsearch.images import decode

PHOTOS = 256
_TRIMMED = 0.04  # of each side: a shopper's photo is not the catalogue's own


def copied(shop: Path, folder: Path) -> Path:
    """Copy a shop without its caches; its photos lie where they were."""
    return Path(shutil.copytree(shop, folder / "shop", ignore=shutil.ignore_patterns("cache")))


def with_two_pairs(shop: Shop) -> tuple[Current, Current]:
    """Give the shop a second model and an index of it; return both pairs, the first one serving.

    The second model is the first with the dimensions of its embedding in another order: it says the
    same, as fast, but a vector of one searched in the index of the other finds nothing that is
    alike.
    """
    first = shop.current()
    assert first.model is not None
    second = _reordered(Bundle.load(shop.models / first.model))
    second.save(shop.models)
    built = build(shop, embedder=Embedder(second))
    shop.publish(first)
    return first, Current(built.model, built.version)


def _reordered(bundle: Bundle) -> Bundle:
    weights = dict(bundle.weights)
    order = np.random.default_rng(0).permutation(bundle.network.dim)
    for name in ("top.projection.project.kernel", "top.head.class_vectors"):
        weights[name] = np.ascontiguousarray(weights[name][:, order])
    return replace(bundle, weights=weights, parent=bundle.model_fingerprint)


def write_photos(shop: Shop, folder: Path, count: int = PHOTOS) -> None:
    """Write photos as shoppers would send them, and scores.json with their first scores by name.

    They are views of the index, a little trimmed and saved anew, spread over all items.
    """
    folder.mkdir(parents=True)
    searcher = Searcher.open(shop)
    scores = {}
    for number, data in enumerate(_views(shop, searcher, count)):
        photo = _as_sent(data, shop.settings.max_pixels)
        hits = searcher.search(photo, top_k=1).hits
        name = f"{number}.jpg"
        (folder / name).write_bytes(photo)
        scores[name] = hits[0].score
    (folder / "scores.json").write_text(json.dumps(scores), encoding="utf-8")


def read_photos(folder: Path) -> list[bytes]:
    """Return the photos that `write_photos` wrote."""
    names = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    return [(folder / name).read_bytes() for name in names]


def _views(shop: Shop, searcher: Searcher, count: int) -> list[bytes]:
    keys = searcher.version.photo_keys
    chosen = np.unique(np.linspace(0, len(keys) - 1, min(count, len(keys))).astype(int))
    photos = shop.catalogue.photos_by_key(keys[chosen].tolist())
    return [photo.path.read_bytes() for photo in photos.values()]


def _as_sent(data: bytes, max_pixels: int) -> bytes:
    image = decode(data, max_pixels=max_pixels)
    x, y = (round(_TRIMMED * side) for side in image.size)
    part = image.crop((x, y, image.width - x, image.height - y))
    file = io.BytesIO()
    part.save(file, "JPEG", quality=80)
    return file.getvalue()


def new_photo(photos: Sequence[bytes], number: int) -> bytes:
    """Return a photo that no catalogue has: one of those given, marked with a number."""
    image = Image.open(io.BytesIO(photos[number % len(photos)])).convert("RGB")
    digits = np.frombuffer(number.to_bytes(4, "big"), np.uint8)
    mark = np.repeat(np.unpackbits(digits)[None] * np.uint8(255), 4, axis=0)
    image.paste(Image.fromarray(mark), (0, 0))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return file.getvalue()


def loaded(shop: Shop) -> PhotoEmbedder:
    """Return the network that serves, compiled."""
    model = shop.current().model
    assert model is not None
    embedder = Embedder.load(shop.models / model)
    embedder.warm_up()
    return embedder
