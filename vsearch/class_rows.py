"""A bundle's leaves that hold something for every class vector, taken and put together by rows."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vsearch.bundle import CLASS_MEANS, HEAD_LEAVES, Bundle, Weights
from vsearch.class_statistics import COUNTS, STATISTICS, evidence_of, regrouped
from vsearch.models.arrivals import ARRIVAL_AXES
from vsearch.models.several_vectors import Vectors, rows_of
from vsearch.objectives import objective_named

ARRIVED, SCALE = (HEAD_LEAVES + "arrivals." + name for name in ("arrived", "scale"))


def counts_of(bundle: Bundle) -> Vectors:
    """Return how many class vectors each label has."""
    return bundle.vectors or (1,) * len(bundle.labels)


def late_labels(bundle: Bundle) -> tuple[str, ...]:
    """Return the names of the labels that came later, and are told by evidence."""
    if ARRIVED not in bundle.weights:
        return ()
    arrived, rows = bundle.weights[ARRIVED] > 0, rows_of(counts_of(bundle))
    return tuple(
        label.name for label, own in zip(bundle.labels, rows, strict=True) if arrived[own].all()
    )


def late_photos(bundle: Bundle) -> NDArray[np.float64]:
    """Return how many photos each class that came later has, of a bundle with statistics."""
    counts = bundle.weights[COUNTS][:-2].astype(np.float64)
    return counts[bundle.weights[ARRIVED] > 0]


def has_arrivals(bundle: Bundle) -> bool:
    """Say whether the head can tell classes that come later by evidence of their own."""
    return ARRIVAL_AXES.keys() <= objective_named(bundle.objective).vector_axes.keys()


def statistics(bundle: Bundle) -> Weights:
    """Return what the bundle knows of its classes' embeddings; nothing where it does not."""
    return {n: leaf for n, leaf in bundle.weights.items() if n.startswith(STATISTICS)}


def spread_out(bundle: Bundle) -> Bundle:
    """Return the same model with every leaf that any class vector may have, by rows."""
    if bundle.vectors:
        return bundle
    rows, dim = len(bundle.labels), bundle.network.dim
    shapes: dict[str, tuple[int, ...]] = {"weights": (rows, dim), "biases": (rows,)}
    shapes |= {"arrived": (rows,), "scale": (1,)}
    blank = {f"{HEAD_LEAVES}arrivals.{n}": np.zeros(s, np.float32) for n, s in shapes.items()}
    blank[SCALE] = np.array([bundle.calibration.get("scale", 1.0)], np.float32)
    leaves = blank if has_arrivals(bundle) else {}
    return replace(bundle, weights=bundle.weights | leaves, vectors=(1,) * rows)


def folded(bundle: Bundle) -> Bundle:
    """Return the same model in as few leaves as it can do with."""
    arrived = ARRIVED in bundle.weights and bundle.weights[ARRIVED].any()
    if arrived or any(count != 1 for count in bundle.vectors):
        return bundle
    kept = {n: v for n, v in bundle.weights.items() if not n.startswith(HEAD_LEAVES + "arrivals.")}
    return replace(bundle, weights=kept, vectors=())


def with_rows(bundle: Bundle, groups: Sequence[Sequence[int]]) -> Bundle:
    """Return the weights for labels made of these old ones; labels are the caller's to set.

    Args:
        bundle: as `spread_out` returns it.
        groups: the old labels of each new one, by index.
    """
    rows = rows_of(bundle.vectors)
    own = [np.concatenate([rows[index] for index in group]) for group in groups]
    chosen: NDArray[np.int64] = np.concatenate(own)
    weights = dict(bundle.weights)
    for name, axis in axes_of(bundle).items():
        weights[name] = np.take(weights[name], chosen, axis=axis)
    if known := statistics(bundle):
        late = ARRIVED in weights and bool(weights[ARRIVED].any())
        weights |= regrouped(known, chosen, late=late)
    return replace(bundle, weights=weights, vectors=tuple(len(one) for one in own))


def axes_of(bundle: Bundle) -> dict[str, int]:
    """Return the leaves by class vector, with the axis of these; statistics apart."""
    axes = objective_named(bundle.objective).vector_axes
    found = {HEAD_LEAVES + name: axis for name, axis in axes.items()}
    if len(bundle.weights.get(CLASS_MEANS, ())):
        found[CLASS_MEANS] = 0
    return {name: axis for name, axis in found.items() if name in bundle.weights}


def rounds_of(bundle: Bundle) -> NDArray[np.int64]:
    """Return when each class vector came, (rows,): 0 with the training, then 1, 2, …."""
    arrived = bundle.weights[ARRIVED]
    return np.searchsorted(np.unique(np.append(arrived, 0)), arrived).astype(np.int64)


def balanced(bundle: Bundle, temper: float, offsets: Sequence[float]) -> Bundle:
    """Return the model with its evidence believed so far, and each round favoured so much."""
    weights, biases = evidence_of(statistics(bundle), late_photos(bundle))
    known = weights.any(axis=1)
    favoured = np.array([0.0, *offsets])[rounds_of(bundle)]
    biases = np.where(known, temper * biases, biases) + favoured
    found = {"weights": temper * weights, "biases": biases}
    leaves = {f"{HEAD_LEAVES}arrivals.{n}": np.asarray(v, np.float32) for n, v in found.items()}
    return replace(bundle, weights=bundle.weights | leaves)
