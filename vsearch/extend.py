"""New classes on a trained classifier, and other changes of its labels, without training.

Each function returns a new bundle whose parent is the one it was made of. The network up to the
embedding stays as it is, and so does the embedding_fingerprint: cached embeddings and indexes stay
valid. Calibration is carried over as far as it goes, and made anew by `recalibrated`. Figures on
val are the old model's where labels are only called otherwise, else they drop out.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vsearch.bundle import CLASS_MEANS, HEAD_LEAVES, Bundle, Weights
from vsearch.class_rows import (
    ARRIVED,
    axes_of,
    balanced,
    folded,
    has_arrivals,
    late_photos,
    rounds_of,
    spread_out,
    statistics,
    with_rows,
)
from vsearch.class_statistics import (
    statistics_of,
    usual_balance,
    with_classes,
)
from vsearch.data import Label
from vsearch.errors import DataError
from vsearch.imprinting import MOST_VECTORS, class_vectors, cluster_means, clusters
from vsearch.objectives import objective_named
from vsearch.recalibration import head_logits, head_of, recalibrated

__all__ = [
    "MOST_VECTORS",
    "NewLabel",
    "class_vectors",
    "head_logits",
    "new_label",
    "recalibrated",
    "relabelled",
    "with_labels",
    "with_statistics",
    "without_labels",
]

# Where the features of a class are not known: no photo is near enough to be typical of it.
_FAR_AWAY = np.float32(np.inf)


@dataclass(frozen=True)
class NewLabel:
    """A label that a model is to learn, and what it is recognised by.

    Attributes:
        label: the label.
        vectors: of its class, (vectors ≥ 1, dim) float32, unit rows.
        means: the place of each vector's photos among the model's class means, (vectors, dim)
            float32, by which photos of the class are told from unknown ones; None: not known.
        embeddings: of its photos, (n ≥ 1, dim) float32, unit rows; None: not known.
    """

    label: Label
    vectors: NDArray[np.float32]
    means: NDArray[np.float32] | None = None
    embeddings: NDArray[np.float32] | None = None


def new_label(
    label: Label,
    embeddings: NDArray[np.float32],
    places: NDArray[np.float32] | None = None,
    *,
    most: int = MOST_VECTORS,
    seed: int = 0,
) -> NewLabel:
    """Return a label as its photos show it.

    Args:
        label: the label.
        embeddings: of its photos, (n ≥ 1, dim) float32, unit rows.
        places: of the same photos among the model's class means, (n, dim) float32; None: unknown.
        most: how many class vectors it may have.
        seed: draws what clusters start from.
    """
    own = clusters(embeddings, most, seed)
    means = None
    if places is not None:
        wide = places.astype(np.float64)
        means = np.stack([wide[own == one].mean(axis=0) for one in range(own.max() + 1)])
        means = means.astype(np.float32)
    return NewLabel(label, cluster_means(embeddings, own), means, embeddings)


def with_labels(bundle: Bundle, added: Sequence[NewLabel]) -> Bundle:
    """Return the bundle with further labels, after those that it has.

    Labels whose photos' embeddings are told are compared with the trained ones by the evidence of
    `vsearch.class_statistics`, if the bundle has statistics; others by their class vectors alone.

    Args:
        bundle: a trained model.
        added: the labels, which are new to it.

    Raises:
        DataError: a label is known already, its vectors are not of this model's length, or a model
            of this kind takes on no further label.
    """
    objective = objective_named(bundle.objective)
    _require_new(bundle, [one.label.name for one in added])
    if not added:
        return bundle
    for one in added:
        _check_vectors(bundle, one)
    before, head = spread_out(bundle), head_of(bundle, objective)
    imprinted = objective.imprint(head, np.concatenate([one.vectors for one in added]))
    later = [_comes_later(bundle, one) for one in added for _ in one.vectors]
    rounds = rounds_of(before).max() + 1 if ARRIVED in before.weights else 1
    blank = {"arrivals.arrived": rounds * np.array(later, np.float32)}
    weights = dict(before.weights)
    for name, axis in axes_of(before).items():
        shape = list(weights[name].shape)
        shape[axis] = len(later)
        short = name.removeprefix(HEAD_LEAVES)
        leaf = imprinted.get(short, blank.get(short, np.zeros(shape, np.float32)))
        if name == CLASS_MEANS:
            leaf = np.concatenate([_means(one) for one in added])
        weights[name] = np.concatenate([weights[name], leaf.astype(np.float32)], axis=axis)
    if known := statistics(bundle):
        weights |= with_classes(known, _statistics(bundle, added))
    old: list[Sequence[int]] = [[index] for index in range(len(bundle.labels))]
    calibration = objective.carried(bundle.calibration, old + [[]] * len(added))
    extended = replace(
        before,
        weights=weights,
        labels=(*bundle.labels, *(one.label for one in added)),
        vectors=(*before.vectors, *(len(one.vectors) for one in added)),
        calibration=calibration,
        metrics={},
        parent=bundle.model_fingerprint,
    )
    if any(later):
        temper, offset = usual_balance(late_photos(extended))
        extended = balanced(extended, temper, [offset] * int(rounds_of(extended).max()))
    return folded(extended)


def with_statistics(
    bundle: Bundle, embeddings: NDArray[np.float32], labels: NDArray[np.int64]
) -> Bundle:
    """Return the bundle with what is known of its classes, which labels that come later need.

    Training keeps it; this is for models that were trained before it did. The model_fingerprint is
    another one then, but no answer.

    Args:
        bundle: a model with one class vector a label.
        embeddings: of training photos, (n, dim) float32, unit rows.
        labels: the label of each, by index, (n,) int64.
    """
    if statistics(bundle) or bundle.vectors or not has_arrivals(bundle):
        return bundle
    known = statistics_of(embeddings, labels, len(bundle.labels))
    return replace(bundle, weights=bundle.weights | known)


def without_labels(bundle: Bundle, names: Collection[str]) -> Bundle:
    """Return the bundle without some labels, which then take no share of any photo.

    Args:
        bundle: a trained model.
        names: of labels that it has.

    Raises:
        DataError: a label is not known, too few would be left, or a model of this kind keeps all
            its labels.
    """
    _require_known(bundle, names)
    if not names:
        return bundle
    objective = objective_named(bundle.objective)
    kept = [index for index, label in enumerate(bundle.labels) if label.name not in set(names)]
    if len(kept) < objective.least_labels or not objective.vector_axes:
        raise DataError(
            f"a model of the objective {objective.name} with {len(bundle.labels)} labels cannot do "
            f"without {len(set(names))}: train again"
        )
    labels = tuple(bundle.labels[index] for index in kept)
    return replace(_regrouped(bundle, labels, [[index] for index in kept]), metrics={})


def relabelled(bundle: Bundle, changes: Mapping[str, Label]) -> Bundle:
    """Return the bundle with other labels in the place of some.

    Labels that become one label are merged: it keeps the class vectors of all of them.

    Args:
        bundle: a trained model.
        changes: the new label by the old label's name. One that equals a label which stays as it
            is, is merged with that.

    Raises:
        DataError: a label is not known, two labels of one name differ in place or column, too few
            would be left, or a model of this kind cannot merge labels.
    """
    _require_known(bundle, changes)
    if not changes:
        return bundle
    groups: dict[Label, list[int]] = {}
    for index, label in enumerate(bundle.labels):
        groups.setdefault(changes.get(label.name, label), []).append(index)
    _require_unique(list(groups))
    objective = objective_named(bundle.objective)
    merged = len(groups) < len(bundle.labels)
    if merged and (len(groups) < objective.least_labels or not objective.vector_axes):
        raise DataError(
            f"a model of the objective {objective.name} with {len(bundle.labels)} labels cannot "
            f"merge them to {len(groups)}: train again"
        )
    if not merged:
        return replace(bundle, labels=tuple(groups), parent=bundle.model_fingerprint)
    return replace(_regrouped(bundle, tuple(groups), list(groups.values())), metrics={})


def _regrouped(
    bundle: Bundle, labels: tuple[Label, ...], origins: Sequence[Sequence[int]]
) -> Bundle:
    """Return the bundle with labels that have the class vectors of these old ones."""
    objective = objective_named(bundle.objective)
    return replace(
        folded(with_rows(spread_out(bundle), origins)),
        labels=labels,
        calibration=objective.carried(bundle.calibration, origins),
        parent=bundle.model_fingerprint,
    )


def _comes_later(bundle: Bundle, added: NewLabel) -> bool:
    known = added.embeddings is not None and bool(statistics(bundle))
    return known and has_arrivals(bundle)


def _statistics(bundle: Bundle, added: Sequence[NewLabel]) -> Weights:
    """Return what is known of the classes of labels by their photos, by class vector."""
    none = np.zeros((0, bundle.network.dim), np.float32)
    photos = [none if one.embeddings is None else one.embeddings for one in added]
    starts = np.cumsum([0, *(len(one.vectors) for one in added)])
    # A photo belongs to the cluster whose vector is nearest.
    own = [
        start + (rows @ one.vectors.T).argmax(axis=1)
        for start, rows, one in zip(starts, photos, added, strict=False)
    ]
    return statistics_of(np.concatenate(photos), np.concatenate(own), int(starts[-1]))


def _means(added: NewLabel) -> NDArray[np.float32]:
    if added.means is not None:
        return added.means
    return np.full(added.vectors.shape, _FAR_AWAY)


def _check_vectors(bundle: Bundle, added: NewLabel) -> None:
    name, dim = added.label.name, bundle.network.dim
    for kind, rows in (("vectors", added.vectors), ("means", added.means)):
        if rows is None:
            continue
        wanted = (max(1, len(added.vectors)), dim)
        if rows.shape != wanted or not np.isfinite(rows).all():
            raise DataError(
                f"the class {kind} of “{name}” are of shape {rows.shape}, expected {wanted} of "
                "finite numbers: they were not made by this model"
            )


def _require_known(bundle: Bundle, names: Collection[str]) -> None:
    known = {label.name for label in bundle.labels}
    if unknown := sorted(set(names) - known):
        listed = ", ".join(f"“{name}”" for name in sorted(known)[:12])
        raise DataError(f"the model has no label “{unknown[0]}”; there are {listed}")


def _require_new(bundle: Bundle, names: Sequence[str]) -> None:
    known = [label.name for label in bundle.labels]
    for index, name in enumerate(names):
        if name in known or name in names[:index]:
            raise DataError(f"the model has the label “{name}” already, or is to have it twice")


def _require_unique(labels: Sequence[Label]) -> None:
    seen: dict[str, Label] = {}
    for label in labels:
        other = seen.setdefault(label.name, label)
        if other != label:
            raise DataError(
                f"two labels would be called “{label.name}” and differ beside that: {other} and "
                f"{label}; give them one place and column, or two names"
            )
