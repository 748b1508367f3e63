"""What is wrong in a shop's own catalogue: doubtful labels, photos that items share, odd photos."""

import time
from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from indexer.audit_report import AuditReport, DoubtfulLabel
from indexer.decisions import Settled, value_of
from indexer.labels import ITEM_ID, labels_of
from indexer.near_duplicates import DuplicateGroup, copies, looks_of, shared_photos
from indexer.odd_photos import OddPhoto, odd_photos
from indexer.records import Item, Photo
from indexer.shop import Shop
from indexer.training_data import training_data
from indexer.version_files import read_manifest
from vsearch.bundle import Bundle
from vsearch.errors import DataError, ShopError, WeightsError
from vsearch.out_of_fold import LabelDoubts, judge_labels
from vsearch.progress import Progress, silent

FOLDS = 5
_BLOCK = 4096  # photos looked up in the catalogue at a time


def audit(shop: Shop, *, folds: int = FOLDS, progress: Progress = silent) -> AuditReport:
    """Look for what is wrong in a shop's catalogue; nothing of it is changed.

    Labels are judged with the kind of classification, backbone and head of the newest trained
    model, by heads trained anew on other photos. Test photos are never looked at.

    Args:
        shop: a shop with a trained model.
        folds: how many heads; each judges the photos that the others are trained on.
        progress: told of every stage.

    Raises:
        ShopError: there is no trained model, or there are no photos.
        BundleError: the model is damaged.
        VersionError: the index is damaged, or of an older program: build it again.
    """
    started = time.monotonic()
    model = shop.trained_model()
    if model is None:
        raise ShopError(f"{shop.path} has no trained model: run `vsearch train {shop.path}`")
    bundle = Bundle.load(shop.models / model)
    photos = list(shop.catalogue.photos(splits=("train", "val")))
    if not photos:
        raise ShopError("the shop has no photos to audit: import a catalogue first")
    looks, unreadable = looks_of(shop, [photo for _, photo in photos], progress)
    embeddings = _embeddings(shop)
    hashes = list(dict.fromkeys(photo.content_hash for _, photo in photos))
    pictures = copies(hashes, looks, embeddings)
    settled = shop.catalogue.settled()
    judged, refused = _judged(shop, bundle, pictures, folds, progress)
    labels, left_out = _doubtful(judged, photos, settled) if judged else ([], 0)
    accepted = shop.catalogue.settled_duplicates()
    duplicates = shared_photos(photos, pictures, accepted, embeddings)
    odd = _odd(shop, embeddings, settled, duplicates, progress)
    return AuditReport(
        model=model,
        label_columns=bundle.label_columns,
        features=judged.features if judged else None,
        refused=refused,
        labels=tuple(sorted(labels, key=lambda one: (one.alone, -one.doubt))),
        not_judged=judged.not_judged if judged else 0,
        settled=left_out,
        duplicates=tuple(duplicates),
        odd=tuple(odd),
        views=len(embeddings),
        unreadable=unreadable | dict(judged.unreadable if judged else {}),
        seconds=time.monotonic() - started,
    )


def _judged(
    shop: Shop, bundle: Bundle, pictures: Mapping[str, int], folds: int, progress: Progress
) -> tuple[LabelDoubts | None, str | None]:
    """Return the doubts, or why there are none: the rest of an audit is of use without them."""
    try:
        data = training_data(shop, bundle.label_columns, bundle.objective)
        doubts = judge_labels(
            data, bundle, pictures, cache=shop.cache, folds=folds, progress=progress
        )
    except (DataError, WeightsError) as error:
        return None, str(error)
    return doubts, None


def _doubtful(
    judged: LabelDoubts, photos: Sequence[tuple[Item, Photo]], settled: Settled
) -> tuple[list[DoubtfulLabel], int]:
    """Return the doubts of all photos with their items, and how many are settled."""
    names = [label.name for label in judged.data.labels]
    columns = judged.data.label_columns
    found = {
        (photo.content_hash, names[given]): (one, row)
        for one in judged.columns
        for row, (photo, given) in enumerate(zip(one.photos, one.given.tolist(), strict=True))
    }
    labels, left_out = [], 0
    for item, photo in photos:
        for column, own in labels_of(item, columns).items():
            if len(own) != 1 or (photo.content_hash, own[0]) not in found:
                continue
            if (photo.content_hash, item.item_id, column, value_of(item, column)) in settled:
                left_out += 1
                continue
            one, row = found[photo.content_hash, own[0]]
            label, better = own[0], names[one.doubts.suggested[row]]
            labels.append(
                DoubtfulLabel(
                    item,
                    photo,
                    column,
                    label=_bare(label, column, columns),
                    suggested=_bare(better, column, columns),
                    doubt=float(one.doubts.values[row]),
                    flagged=bool(one.doubts.flagged[row]),
                    alone=bool(one.alone[row]),
                )
            )
    return labels, left_out


def _bare(name: str, column: str, columns: Sequence[str]) -> str:
    """Return a label without its column, which it is called by where there are several."""
    return name.removeprefix(f"{column}: ") if len(columns) > 1 else name


def _embeddings(shop: Shop) -> dict[str, NDArray[np.float32]]:
    """Return the embeddings of the index's network, by content hash; none without an index."""
    index = shop.current().index
    if index is None:
        return {}
    fingerprint = read_manifest(shop.indexes / index).embedding_fingerprint
    hashes = iter({p.content_hash: None for _, p in shop.catalogue.views(shop.settings.views)})
    known: dict[str, NDArray[np.float32]] = {}
    while block := list(islice(hashes, _BLOCK)):
        known |= shop.catalogue.embeddings(fingerprint, block)
    return known


def _odd(
    shop: Shop,
    embeddings: Mapping[str, NDArray[np.float32]],
    settled: Settled,
    duplicates: Sequence[DuplicateGroup],
    progress: Progress,
) -> list[OddPhoto]:
    """Return the odd photos, but for those whose copy another item has and those decided on."""
    if not embeddings:
        return []
    views = [
        (item, photo)
        for item, photo in shop.catalogue.views(shop.settings.views)
        if photo.content_hash in embeddings
    ]
    vectors = np.stack([embeddings[photo.content_hash] for _, photo in views])
    shared = {one.photo.key for group in duplicates for one in group.photos}

    def open_question(one: OddPhoto) -> bool:
        item_id = one.item.item_id
        known = (one.photo.content_hash, item_id, ITEM_ID, item_id) in settled
        return not known and one.photo.key not in shared

    return [one for one in odd_photos(views, vectors, progress) if open_question(one)]
