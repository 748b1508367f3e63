"""Making the judge of what is unknown, while an index version is being written.

The photos that chose and calibrated the model are asked for once more: how sure the model is of
them, and how near they lie to the views of the index. What the network says of them is kept in the
shop's cache, so that a rebuild asks it of new photos alone.
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from indexer.embedding import PhotoEmbedder, predict_usable
from indexer.faiss_index import FaissIndex
from indexer.labels import CATEGORY
from indexer.records import Photo
from indexer.shop import Shop
from indexer.training_data import training_data
from indexer.unknown import LEAST_VAL, VIEWS, WEIGHTS, Evidence, UnknownJudge, confidence_of
from indexer.vector_index import VectorIndex
from vsearch.data import LabelledPhoto
from vsearch.errors import DataError
from vsearch.progress import Progress
from vsearch.storage import write_atomically

MOST = 2000  # val photos; more hardly move a quantile
_SPARE = 3  # rows of a photo's own that are passed over


def fit_judge(
    shop: Shop,
    embedder: PhotoEmbedder,
    vectors: NDArray[np.float32],
    hashes: NDArray[np.uint8],
    progress: Progress,
) -> UnknownJudge | None:
    """Return the judge of a version; None where the model judges itself, or val photos are few.

    A shop without val photos has some of its train photos held out from training. Those are in the
    index, so that the row of the photo itself is passed over.

    Args:
        shop: the shop; its settings say how many own photos may be called unknown.
        embedder: the model that is to serve.
        vectors: the rows of the version, (rows, dim) float32.
        hashes: the SHA-256 of their photos, (rows, 32) uint8.
        progress: told of the stage "judge", in photos.
    """
    if embedder.objective.rejects or not len(vectors):
        return None
    photos = _val_photos(shop, embedder)
    if len(photos) < LEAST_VAL:
        return None  # and nothing is asked of the network
    told = _told(shop, embedder, photos, progress)
    if not told:
        return None
    own = np.frombuffer(bytes.fromhex("".join(told)), np.uint8).reshape(-1, 32)
    embeddings = np.stack([photo.embedding for photo in told.values()])
    evidence = Evidence.of(
        np.array([photo.confidence for photo in told.values()], np.float32),
        np.stack([photo.familiarity for photo in told.values()]),
        _nearest(FaissIndex(vectors), embeddings, hashes, own),
    )
    return UnknownJudge.fitted(evidence, embedder.model_fingerprint, shop.settings.false_rejects)


@dataclass(frozen=True)
class _Told:
    """What the network says of a photo, as far as a judge asks."""

    embedding: NDArray[np.float32]
    confidence: float
    familiarity: NDArray[np.float32]


def judged_by(shop: Shop) -> str:
    """Return a name of all that a judge is made from beside the model and the rows.

    That is the shop's val photos, its setting, and what counts as evidence.
    """
    definition = (shop.settings.false_rejects, sorted(WEIGHTS.items()), VIEWS)
    digest = hashlib.sha256(repr(definition).encode())
    for content in shop.catalogue.val_hashes():
        digest.update(content.encode())
    return digest.hexdigest()[:16]


def carry_over(
    shop: Shop,
    before: str,
    after: str,
    confidence: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None,
    untold: Callable[[NDArray[np.float32]], NDArray[np.bool_]] | None = None,
) -> None:
    """Keep what a model said of photos for another one, so that the network is not asked again.

    Args:
        shop: the shop.
        before: the model_fingerprint of the one that was asked.
        after: that of the other one, of the same embedding and just as familiar with features.
        confidence: how sure it is of photos with embeddings (n, dim), (n,) float32; None: as the
            one before.
        untold: of which photos with such embeddings it does not tell how typical they are of a
            class, (n,) bool; None: it tells as the one before.
    """
    told = _read_kept(_cache(shop, before))
    if not told or _cache(shop, after).exists():
        return  # what that one has said itself is known better
    if confidence is not None:
        sure = confidence(np.stack([one.embedding for one in told.values()])).tolist()
        pairs = zip(told.items(), sure, strict=True)
        told = {content: replace(one, confidence=own) for (content, one), own in pairs}
    if untold is not None:
        unknown = untold(np.stack([one.embedding for one in told.values()]))
        told = {
            content: one if known else replace(one, familiarity=_without_class(one.familiarity))
            for (content, one), known in zip(told.items(), ~unknown, strict=True)
        }
    _keep(_cache(shop, after), told)


def _without_class(familiarity: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([familiarity[:1], np.full(len(familiarity[1:]), np.nan, np.float32)])


def val_embeddings(
    shop: Shop,
    embedder: PhotoEmbedder,
    photos: Sequence[Photo | LabelledPhoto],
    progress: Progress,
) -> dict[str, NDArray[np.float32]]:
    """Return the embeddings of val photos, (dim,) float32 each, by content hash.

    Those that are held out from training are views, whose embeddings the catalogue has. What the
    network says of others is kept for the judges of its versions, and comes from there. Photos that
    cannot be read are left out.

    Args:
        shop: the shop.
        embedder: the network.
        photos: of split val, or held out from training.
        progress: told of the stage "judge", in photos.
    """
    hashes = [photo.content_hash for photo in photos]
    known = shop.catalogue.embeddings(embedder.embedding_fingerprint, hashes)
    others = [photo for photo in photos if photo.content_hash not in known]
    told = _told(shop, embedder, others, progress)
    found = known | {content: one.embedding for content, one in told.items()}
    return {content: found[content] for content in hashes if content in found}


def _cache(shop: Shop, model: str) -> Path:
    return shop.cache / f"judging-{model}.npz"


def _val_photos(shop: Shop, embedder: PhotoEmbedder) -> list[Photo | LabelledPhoto]:
    """Return the photos that the model was chosen on, at most `MOST`, the same ones every time."""
    val: Iterable[Photo | LabelledPhoto]
    val = [photo for _, photo in shop.catalogue.photos(splits=("val",))]
    if not val:
        try:
            val = training_data(shop, tuple(embedder.bundle.label_columns) or (CATEGORY,)).val
        except DataError:
            return []  # the catalogue has nothing left that the model could have learned from
    photos = {photo.content_hash: photo for photo in val}
    return [photos[content] for content in sorted(photos)[:MOST]]


def _told(
    shop: Shop,
    embedder: PhotoEmbedder,
    photos: Sequence[Photo | LabelledPhoto],
    progress: Progress,
) -> dict[str, _Told]:
    """Return what the network says of photos by hash; those that cannot be read are left out."""
    cache = _cache(shop, embedder.model_fingerprint)
    known = _read_kept(cache)

    missing = [photo for photo in photos if photo.content_hash not in known]
    done = len(photos) - len(missing)
    for batch, predictions in predict_usable(shop, embedder, missing):
        sure = confidence_of(predictions, exclusive=embedder.objective.exclusive)
        rows = zip(predictions.embeddings, sure.tolist(), predictions.familiarity, strict=True)
        known |= {p.content_hash: _Told(*row) for p, row in zip(batch, rows, strict=True)}
        done += len(batch)
        progress("judge", done, len(photos))
    if missing:
        _keep(cache, known)
        progress("judge", len(photos), len(photos))
    wanted = (photo.content_hash for photo in photos)
    return {content: known[content] for content in wanted if content in known}


def _read_kept(file: Path) -> dict[str, _Told]:
    """Return what an earlier build has kept; nothing where that is damaged or absent."""
    try:
        # Opened here: NumPy leaves the file of a broken archive open.
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as kept:
            columns = [kept[name] for name in ("hashes", "embeddings", "confidence", "familiarity")]
        hashes, embeddings, confidence, familiarity = columns
        rows = zip(embeddings, confidence.tolist(), familiarity, strict=True)
        return {str(content): _Told(*row) for content, row in zip(hashes, rows, strict=True)}
    # A flipped bit may also say that a part is encrypted, or packed in an unknown way.
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, RuntimeError):
        return {}


def _keep(file: Path, told: Mapping[str, _Told]) -> None:
    buffer = io.BytesIO()
    np.savez(
        buffer,
        hashes=np.array(list(told)),
        embeddings=np.array([one.embedding for one in told.values()], np.float32),
        confidence=np.array([one.confidence for one in told.values()], np.float32),
        familiarity=np.array([one.familiarity for one in told.values()], np.float32),
    )
    file.parent.mkdir(exist_ok=True)
    write_atomically(file, buffer.getvalue())


def _nearest(
    index: VectorIndex,
    embeddings: NDArray[np.float32],
    hashes: NDArray[np.uint8],
    own: NDArray[np.uint8],
) -> NDArray[np.float32]:
    """Return the similarities of the nearest rows of other photos, (n, VIEWS), filled with -inf."""
    scores, rows = index.search(embeddings, VIEWS + _SPARE)
    same = (hashes[np.maximum(rows, 0)] == own[:, None]).all(axis=2) & (rows >= 0)
    left = np.where(same, -np.inf, scores)
    return np.asarray(-np.sort(-left, axis=1)[:, :VIEWS], np.float32)
