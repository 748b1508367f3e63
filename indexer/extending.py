"""Extending a shop's model by the labels that its catalogue has and the model lacks.

The network up to the embedding stays, and so do all embeddings: labels are learned from those that
builds have kept, and a build of the same vectors puts the new model into service.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from indexer.build import BuildReport, build
from indexer.candidates import newest_that_passes
from indexer.extend_report import AddedLabel, ExtendReport
from indexer.gate import MAX_DROP
from indexer.handover import serving
from indexer.judging import carry_over, val_embeddings
from indexer.networks import Networks
from indexer.new_labels import NewLabels, Problem, new_labels, require_columns
from indexer.photo_vectors import photo_vectors
from indexer.shop import Shop
from indexer.unknown import confidence_of
from vsearch.bundle import Bundle
from vsearch.data import LabelledPhoto, TrainingData, readable
from vsearch.embed import Embedder, strange_labels
from vsearch.extend import (
    NewLabel,
    new_label,
    recalibrated,
    with_labels,
    with_statistics,
)
from vsearch.finetune import finetune
from vsearch.progress import Progress, silent


def extend_shop(
    shop: Shop,
    *,
    finetuned: bool = False,
    max_drop: float = MAX_DROP,
    progress: Progress = silent,
) -> ExtendReport:
    """Add the labels that the catalogue has and the model in service lacks.

    Args:
        shop: a shop with an index.
        finetuned: train projection and head further, on old and new photos: embeddings are others
            then, and the index is built anew before the pair switches.
        max_drop: by how much the gate lets an old label get worse, as a share.
        progress: told of the stage "embed" (photos that no build has embedded), and those of
            `build` and of training.

    Raises:
        ShopError: nothing is built yet.
        DataError: the catalogue has nothing to learn from, or a model of this kind takes on no
            further label.
        BusyError: a training or a build is running.
    """
    started = time.monotonic()
    with shop.lock("train"):
        networks = Networks()
        embedder = networks.load(shop, serving(shop).model)
        bundle = embedder.bundle
        require_columns(bundle.label_columns, bundle.objective)
        found = new_labels(shop, bundle.labels, bundle.label_columns)
        learned, problems = _learned(shop, embedder, found, progress)
        extended, built = bundle, None
        if learned:
            extended = extended_bundle(
                shop, embedder, found.data, learned, max_drop=max_drop, progress=progress
            )
        if finetuned:
            extended = _finetuned(shop, bundle, extended, found.data, progress)
        if extended is not bundle:
            built = publish(shop, networks, bundle, extended, max_drop, progress)
    return ExtendReport(
        model=extended.model_fingerprint,
        parent=extended.parent,
        added=tuple(_added(one) for one in learned),
        problems=problems,
        embedded=networks.seen,
        metrics=dict(extended.metrics),
        gate=built.gate if built else None,
        build=built,
        seconds=time.monotonic() - started,
    )


def extended_bundle(
    shop: Shop,
    embedder: Embedder,
    data: TrainingData,
    learned: Sequence[NewLabel],
    *,
    max_drop: float,
    progress: Progress,
) -> Bundle:
    """Return the model with further labels, calibrated on val.

    Args:
        shop: the shop.
        embedder: its model.
        data: the catalogue's labelled photos.
        learned: the labels.
        max_drop: the share of photos of the other labels that may be lost to these.
        progress: told of the stage "judge", in val photos that no build has asked about.
    """
    bundle = _with_statistics(shop, embedder.bundle, data)
    names = sorted(one.label.name for one in learned)
    extended = with_labels(bundle, learned)
    extended = calibrated(shop, embedder, extended, data, max_drop=max_drop, progress=progress)
    told = {"labels": names, "finetuned": False}
    training = dict(extended.training) | {"extended": told}
    return replace(extended, parent=embedder.model_fingerprint, training=training)


def calibrated(
    shop: Shop,
    embedder: Embedder,
    bundle: Bundle,
    data: TrainingData,
    *,
    max_drop: float = MAX_DROP,
    progress: Progress,
) -> Bundle:
    """Return a model of the same embedding calibrated on val; as it is where val has no photo.

    Args:
        shop: the shop.
        embedder: the network that the embeddings are from.
        bundle: the model.
        data: the catalogue's labelled photos.
        max_drop: the share of photos of trained labels that may be lost to those that came later.
        progress: told of the stage "judge", in val photos that no build has asked about.
    """
    place = {label.name: index for index, label in enumerate(bundle.labels)}
    known = val_embeddings(shop, embedder, data.val, progress)
    rows, targets = [], []
    for photo in data.val:
        own = [place[data.labels[at].name] for at in photo.labels if data.labels[at].name in place]
        if photo.content_hash in known and own:
            rows.append(known[photo.content_hash])
            targets.append(np.isin(np.arange(len(place)), own))
    return recalibrated(bundle, np.stack(rows), np.stack(targets), max_drop) if rows else bundle


def publish(
    shop: Shop,
    networks: Networks,
    before: Bundle,
    after: Bundle,
    max_drop: float,
    progress: Progress,
) -> BuildReport:
    """Let an extended model serve, if it passes the gate, with an index of its own.

    Of the same embedding, that has the same vectors.

    Args:
        shop: the shop; the caller holds its lock of training.
        networks: what loads models.
        before: the model in service.
        after: the extended one.
        max_drop: by how much the gate lets an old label get worse.
        progress: told of the stages of `build`.
    """
    after.save(shop.models)
    if after.embedding_fingerprint == before.embedding_fingerprint:
        network = networks.take(after)

        def sure(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
            told = network.of_embeddings(embeddings)
            return confidence_of(told, exclusive=network.objective.exclusive)

        def strange(embeddings: NDArray[np.float32]) -> NDArray[np.bool_]:
            best = network.of_embeddings(embeddings).probabilities.argmax(axis=1)
            return np.asarray(strange_labels(after)[best])

        names = before.model_fingerprint, after.model_fingerprint
        carry_over(shop, *names, confidence=sure, untold=strange)
    shop.set_trained_model(after.model_fingerprint)
    choose = partial(newest_that_passes, load=networks.load, max_drop=max_drop, progress=progress)
    return build(shop, choose=choose, progress=progress)


def _finetuned(
    shop: Shop,
    before: Bundle,
    extended: Bundle,
    data: TrainingData,
    progress: Progress,
) -> Bundle:
    """Return the extended model trained further, on photos of the labels that it knows."""
    names = {label.name for label in extended.labels}
    kept = {index for index, label in enumerate(data.labels) if label.name in names}
    train, val = (
        [photo for photo in photos if kept.issuperset(photo.labels)]
        for photos in (data.train, data.val)
    )
    known = readable(data, train, val)
    result = finetune(extended, known, cache=shop.cache, progress=progress)
    told = {"labels": sorted(names - {label.name for label in before.labels}), "finetuned": True}
    training = dict(result.bundle.training) | {"extended": told}
    return replace(result.bundle, parent=before.model_fingerprint, training=training)


def _learned(
    shop: Shop, embedder: Embedder, found: NewLabels, progress: Progress
) -> tuple[list[NewLabel], tuple[Problem, ...]]:
    """Return the labels as their photos show them, and all problems."""
    photos = {label: found.train_of(label) for label in found.added}
    wanted = [photo for own in photos.values() for photo in own]
    known, failures = embed_all(shop, embedder, wanted, progress)
    learned, problems = [], list(found.problems)
    for label, own in photos.items():
        rows = [known[photo.content_hash] for photo in own if photo.content_hash in known]
        if rows:
            learned.append(new_label(found.data.labels[label], np.stack(rows)))
            continue
        name, why = found.data.labels[label].name, failures[own[0].content_hash]
        problems = [one for one in problems if one.label != name]
        problems.append(Problem(name, f"none of its {len(own)} photos can be used: {why}"))
    return learned, tuple(problems)


def embed_all(
    shop: Shop, embedder: Embedder, photos: Sequence[LabelledPhoto], progress: Progress
) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    """Return embeddings by content hash; photos that no build has embedded are embedded.

    Returns:
        The embeddings, and the reasons by hash of photos that cannot be used.
    """
    name = embedder.embedding_fingerprint
    hashes = list({photo.content_hash for photo in photos})
    missing = set(shop.catalogue.missing_embeddings(name, hashes))
    todo = {photo.content_hash: photo for photo in photos if photo.content_hash in missing}
    failures: list[tuple[LabelledPhoto, str]] = []
    done = 0
    for batch, vectors in photo_vectors(shop, embedder, list(todo.values()), failures):
        rows = list(zip((photo.content_hash for photo in batch), vectors, strict=True))
        shop.catalogue.put_embeddings(name, rows)
        done += len(batch)
        progress("embed", done, len(todo))
    told = {photo.content_hash: reason for photo, reason in failures}
    return shop.catalogue.embeddings(name, hashes), told


def _with_statistics(shop: Shop, bundle: Bundle, data: TrainingData) -> Bundle:
    """Return the model with statistics of its classes, from photos that builds have embedded."""
    place = {label.name: index for index, label in enumerate(bundle.labels)}
    own = {p.content_hash: place.get(data.labels[p.labels[0]].name) for p in data.train}
    wanted = [content for content, label in own.items() if label is not None]
    known = shop.catalogue.embeddings(bundle.embedding_fingerprint, wanted)
    if not known:
        return bundle
    labels = np.array([own[content] for content in known], np.int64)
    return with_statistics(bundle, np.stack(list(known.values())), labels)


def _photos(one: NewLabel) -> int:
    return 0 if one.embeddings is None else len(one.embeddings)


def _added(one: NewLabel) -> AddedLabel:
    return AddedLabel(one.label.name, _photos(one), len(one.vectors))
