"""What a model says of a shop's held-out photos, in the terms in which two models are compared."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from indexer.embedding import PhotoEmbedder, PhotoPredictions, predict_usable
from indexer.judging import val_embeddings
from indexer.labels import CATEGORY, PLACES
from indexer.shop import Shop
from indexer.training_data import training_data
from vsearch.data import LabelledPhoto
from vsearch.errors import DataError
from vsearch.progress import Progress
from vsearch.taxonomy import format_path

Terms = Literal["labels", "precisions", "own kind", "categories", "nothing"]
"""What two models have in common: labels of which a photo has one, or several; the one label of
what is sold here; the categories that their labels lie in."""


@dataclass(frozen=True)
class ValAnswers:
    """What a network says of n photos.

    Attributes:
        hashes: their content hashes; photos that cannot be read are left out.
        embeddings: shape (n, dim) float32.
        probabilities: shape (n, labels) float32.
        assigned: shape (n, labels) bool.
        shares: shape (n, labels) float32, what rolls up the category tree.
    """

    hashes: tuple[str, ...]
    embeddings: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    assigned: NDArray[np.bool_]
    shares: NDArray[np.float32]

    def of(self, hashes: Sequence[str]) -> "ValAnswers":
        """Return the answers to some of the photos, in this order."""
        place = {content: row for row, content in enumerate(self.hashes)}
        rows = [place[content] for content in hashes]
        return ValAnswers(
            tuple(hashes),
            self.embeddings[rows],
            self.probabilities[rows],
            self.assigned[rows],
            self.shares[rows],
        )


@runtime_checkable
class ByEmbedding(Protocol):
    """A network that can tell the labels of photos whose embeddings are known."""

    @property
    def by_embedding(self) -> bool:
        """Whether this one can: its head looks at nothing else."""

    def of_embeddings(self, embeddings: NDArray[np.float32], /) -> PhotoPredictions:
        """Answer for embeddings (n, dim) that it has made itself."""


def ask(
    shop: Shop, embedder: PhotoEmbedder, photos: Sequence[LabelledPhoto], progress: Progress
) -> ValAnswers:
    """Return what a network says of photos; it sees only those that it does not know already.

    Args:
        shop: the shop.
        embedder: the network.
        photos: held out from training; those that cannot be read are left out.
        progress: told of the stage "gate", in photos.
    """
    if not isinstance(embedder, ByEmbedding) or not embedder.by_embedding:
        return _ask_network(shop, embedder, photos, progress)

    def told(_stage: str, done: int, total: int, /) -> None:
        progress("gate", done, total)

    known = val_embeddings(shop, embedder, photos, told)
    if not known:
        return _ask_network(shop, embedder, (), progress)
    return _answers(list(known), [embedder.of_embeddings(np.stack(list(known.values())))])


def ask_again(embedder: PhotoEmbedder, before: ValAnswers) -> ValAnswers | None:
    """Return what a network says of photos that another one of the same embedding was asked about.

    None where it has to see them.
    """
    if not isinstance(embedder, ByEmbedding) or not embedder.by_embedding or not before.hashes:
        return None
    return _answers(before.hashes, [embedder.of_embeddings(before.embeddings)])


def _ask_network(
    shop: Shop, embedder: PhotoEmbedder, photos: Sequence[LabelledPhoto], progress: Progress
) -> ValAnswers:
    hashes: list[str] = []
    batches: list[PhotoPredictions] = []
    for batch, said in predict_usable(shop, embedder, photos):
        hashes += [photo.content_hash for photo in batch]
        batches.append(said)
        progress("gate", len(hashes), len(photos))
    if not batches:
        blank, none = np.zeros((0, len(embedder.bundle.labels)), np.float32), np.zeros((0, 0), bool)
        return ValAnswers((), blank, blank, none, blank)
    return _answers(hashes, batches)


def _answers(hashes: Sequence[str], batches: Sequence[PhotoPredictions]) -> ValAnswers:
    return ValAnswers(
        tuple(hashes),
        np.concatenate([one.embeddings for one in batches]),
        np.concatenate([one.probabilities for one in batches]),
        np.concatenate([one.assigned for one in batches]),
        np.concatenate([one.shares for one in batches]),
    )


def terms_of(candidate: PhotoEmbedder, standing: PhotoEmbedder) -> Terms:
    """Return in what terms two models can be compared."""
    one, other = candidate.objective, standing.objective
    same = set(candidate.bundle.label_columns) == set(standing.bundle.label_columns)
    alike = (one.exclusive, one.rejects) == (other.exclusive, other.rejects)
    if same and alike:
        return "own kind" if one.rejects else "labels" if one.exclusive else "precisions"
    if all(set(PLACES) & set(model.bundle.label_columns) for model in (candidate, standing)):
        return "categories"
    return "nothing"


@dataclass(frozen=True)
class HeldOut:
    """The photos that two models are asked about, each once, and the names of their labels."""

    photos: tuple[LabelledPhoto, ...]
    names: Mapping[str, tuple[str, ...]]

    @property
    def digest(self) -> str:
        """A name of these photos with these labels; empty where there are none."""
        lines = [f"{content} {sorted(own)}" for content, own in sorted(self.names.items())]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] if lines else ""


def held_out(shop: Shop, standing: PhotoEmbedder, terms: Terms) -> HeldOut:
    """Return the photos that both models are asked about.

    They are those of split val; where a shop has none, the tenth of the training photos that is
    held out from training. Never a test photo.

    Args:
        shop: the shop.
        standing: the model in service.
        terms: what the photos' labels are to be.
    """
    if terms == "nothing":
        return HeldOut((), {})
    columns = tuple(standing.bundle.label_columns) or (CATEGORY,)
    try:
        data = training_data(shop, (CATEGORY,) if terms == "categories" else columns)
    except DataError:  # the catalogue has nothing left that a model could learn from
        return HeldOut((), {})
    photos = {photo.content_hash: photo for photo in data.val}
    names: dict[str, tuple[str, ...]] = dict.fromkeys(photos, ())
    for photo in data.val:  # items of different labels may share a photo: each of them is right
        own = (data.labels[label].name for label in photo.labels)
        names[photo.content_hash] = tuple(dict.fromkeys((*names[photo.content_hash], *own)))
    if terms == "own kind":
        names = dict.fromkeys(photos, names_of(standing, terms))
    return HeldOut(tuple(photos.values()), names)


def names_of(embedder: PhotoEmbedder, terms: Terms) -> tuple[str, ...]:
    """Return the labels, or the categories, that a model tells apart; none where not comparable."""
    labels = embedder.bundle.labels
    if terms == "categories":
        placed = (label.path for label in labels if label.path and label.column in PLACES)
        return tuple(sorted({format_path(path) for path in placed}))
    return () if terms == "nothing" else tuple(label.name for label in labels)


def said(embedder: PhotoEmbedder, told: ValAnswers, terms: Terms) -> list[tuple[str, ...]]:
    """Return for each photo the one label or category that a model says it has, or none."""
    if terms == "own kind":
        (name,) = names_of(embedder, terms)
        return [(name,) if own.any() else () for own in told.assigned]
    scores = scores_of(embedder, told, terms)
    if not scores:
        return [()] * len(told.hashes)
    names = list(scores)
    best = np.stack(list(scores.values()), axis=1).argmax(axis=1)
    return [(names[column],) for column in best.tolist()]


def scores_of(
    embedder: PhotoEmbedder, told: ValAnswers, terms: Terms
) -> dict[str, NDArray[np.float32]]:
    """Return the probabilities of n photos, (n,) float32, by label or by category."""
    labels = embedder.bundle.labels
    if terms != "categories":
        return {label.name: told.probabilities[:, column] for column, label in enumerate(labels)}
    sums = {name: np.zeros(len(told.hashes), np.float32) for name in names_of(embedder, terms)}
    for column, label in enumerate(labels):
        if label.path and label.column in PLACES:
            sums[format_path(label.path)] += told.shares[:, column]
    return sums
