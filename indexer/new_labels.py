"""The labels that a shop's catalogue has and its model lacks: which can be added, and why not."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.labels import all_of, compared_name, labels_of
from indexer.shop import Shop
from indexer.training_data import training_data
from vsearch.bundle import Bundle
from vsearch.data import Label, LabelledPhoto, TrainingData
from vsearch.errors import DataError

FEW_VAL = 3  # val photos of a label; with fewer nothing is known of how well it is told


@dataclass(frozen=True)
class Problem:
    """A label that is not added, or is added with a reservation.

    Attributes:
        label: its name.
        reason: why, and what to do about it.
        added: whether it is added all the same.
    """

    label: str
    reason: str
    added: bool = False


@dataclass(frozen=True)
class NewLabels:
    """What a catalogue has beyond a model's labels.

    Attributes:
        data: all labelled photos of splits train and val, in the catalogue's labels.
        added: the labels to be added, by their index in `data`.
        problems: of those that are not, and reservations about those that are.
    """

    data: TrainingData
    added: tuple[int, ...]
    problems: tuple[Problem, ...]

    def train_of(self, label: int) -> list[LabelledPhoto]:
        """Return the photos to learn a label from, each content once."""
        own = {p.content_hash: p for p in self.data.train if label in p.labels}
        return list(own.values())


def new_labels(shop: Shop, labels: Sequence[Label], columns: Sequence[str]) -> NewLabels:
    """Compare a catalogue with the labels of a model.

    Args:
        shop: the shop.
        labels: the model's.
        columns: where they come from.

    Raises:
        DataError: the catalogue has nothing to learn from.
    """
    data = training_data(shop, columns)
    known = {label.name for label in labels}
    fresh = [index for index, label in enumerate(data.labels) if label.name not in known]
    problems = _without_photo(shop, columns, known | {label.name for label in data.labels})
    alike = _alike(labels, [data.labels[index] for index in fresh])
    added = tuple(index for index in fresh if data.labels[index].name not in alike)
    problems += [Problem(name, reason) for name, reason in alike.items()]
    problems += _rare(data, added)
    return NewLabels(data, added, tuple(sorted(problems, key=lambda one: one.label)))


def photos_of(
    shop: Shop, bundle: Bundle, data: TrainingData, names: Collection[str]
) -> dict[Label, NDArray[np.float32]]:
    """Return the embeddings of the training photos of labels, (n ≥ 1, dim) each, as far as kept.

    Args:
        shop: the shop.
        bundle: whose embeddings are asked for.
        data: the labelled photos.
        names: of the labels.
    """
    found: dict[Label, NDArray[np.float32]] = {}
    for index, label in enumerate(data.labels):
        if label.name in names:
            hashes = [p.content_hash for p in data.train if index in p.labels]
            known = shop.catalogue.embeddings(bundle.embedding_fingerprint, hashes)
            rows = [known[one] for one in dict.fromkeys(hashes) if one in known]
            if rows:
                found[label] = np.stack(rows)
    return found


def _alike(labels: Iterable[Label], fresh: Sequence[Label]) -> dict[str, str]:
    """Return the labels that are another one but for case or spaces, with reasons."""
    seen = {compared_name(label.name): label.name for label in labels}
    found: dict[str, str] = {}
    for label in fresh:
        other = seen.setdefault(compared_name(label.name), label.name)
        if other != label.name:
            found[label.name] = (
                f"it differs from “{other}” only in case or spaces: write both alike in the "
                "catalogue and import it again"
            )
    return found


def _without_photo(shop: Shop, columns: Sequence[str], known: Collection[str]) -> list[Problem]:
    """Return the labels of items none of which has a photo to learn from."""
    items: dict[str, list[str]] = {}
    edits = shop.catalogue.edited_paths()
    for state in ("ok", "rejected"):
        for item in shop.catalogue.items(state):
            if state == "rejected" and edits.path(item.category) is None:
                continue  # its category was retired: nobody wants it recognised
            for name in all_of(labels_of(item, columns)):
                if name not in known:
                    items.setdefault(name, []).append(item.item_id)
    return [
        Problem(
            name,
            (
                f"none of its {len(own)} items ({_listed(own)}) has a"
                if len(own) > 1
                else f"its only item ({own[0]}) has no"
            )
            + " photo of split train that can be used: add one and import again",
        )
        for name, own in items.items()
    ]


def _listed(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def _rare(data: TrainingData, added: Sequence[int]) -> list[Problem]:
    """Return what val cannot tell of labels that are added."""
    held: Mapping[int, int] = {
        label: sum(label in photo.labels for photo in data.val) for label in added
    }
    return [
        Problem(
            data.labels[label].name,
            f"{count or 'no'} held-out photo{'' if count == 1 else 's'}: how well it is "
            f"recognised is not known; {FEW_VAL} or more of split val would tell",
            added=True,
        )
        for label, count in held.items()
        if count < FEW_VAL
    ]


def require_columns(columns: Sequence[str], objective: str) -> None:
    """Refuse a model whose labels come from no column.

    Raises:
        DataError: it has nothing to be extended by.
    """
    if not columns:
        raise DataError(
            f"a model of the objective {objective} has labels of no column: there is nothing to "
            "extend; run `vsearch train` on another catalogue"
        )
