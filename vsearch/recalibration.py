"""What a bundle's head says of embeddings, and its calibration made anew by those of val photos."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from flax import nnx
from numpy.typing import NDArray
from scipy.special import logsumexp

from vsearch.bundle import HEAD_LEAVES, Bundle, Weights, load_weights
from vsearch.class_rows import (
    ARRIVED,
    SCALE,
    balanced,
    counts_of,
    late_photos,
    rounds_of,
    statistics,
)
from vsearch.class_statistics import (
    MOST_LOST,
    Calls,
    evidence_of,
    fitted_balance,
    usual_balance,
)
from vsearch.errors import DataError
from vsearch.models.several_vectors import rows_of
from vsearch.objectives import Objective, objective_named


def head_logits(bundle: Bundle, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the head says of embeddings, logits (n, outputs) float32.

    Args:
        bundle: a model of an objective with `vector_axes`, whose head looks at nothing else.
        embeddings: (n, dim) float32, unit rows.
    """
    objective, labels = objective_named(bundle.objective), len(bundle.labels)
    require_vectors(objective)
    dim, vectors = bundle.network.dim, bundle.vectors
    head = nnx.eval_shape(lambda: objective.head(0, dim, labels, vectors))
    load_weights(head, head_of(bundle, objective))
    return np.asarray(head(embeddings, embeddings[:, :0]))


def recalibrated(
    bundle: Bundle,
    embeddings: NDArray[np.float32],
    targets: NDArray[np.bool_],
    most_lost: float = MOST_LOST,
) -> Bundle:
    """Return the bundle with calibration and figures made anew on val; its parent stays.

    Where photos of labels that came later are among them, so is how far their evidence is believed.

    Args:
        bundle: a model of an objective with `vector_axes`.
        embeddings: of val photos, (n, dim) float32, unit rows; with none the default calibration
            is taken.
        targets: which labels they have, (n, labels) bool.
        most_lost: the share of photos of trained labels that may be lost to labels that came later.
    """
    objective = objective_named(bundle.objective)
    bundle = _rebalanced(bundle, embeddings, targets, most_lost)
    logits = head_logits(bundle, embeddings)
    calibration = objective.calibrate(logits, targets)
    figures: Mapping[str, float] = {}
    if len(logits):
        probabilities = objective.probabilities(logits, calibration)
        figures = objective.metrics(probabilities, targets, calibration)
    metrics = {f"val_{name}": value for name, value in figures.items()}
    return replace(bundle, calibration=calibration, metrics=metrics)


def _rebalanced(
    bundle: Bundle,
    embeddings: NDArray[np.float32],
    targets: NDArray[np.bool_],
    most_lost: float,
) -> Bundle:
    """Return the bundle with its evidence as val has it; as it is where val tells nothing."""
    if ARRIVED not in bundle.weights or not statistics(bundle):
        return bundle
    arrived, counts = bundle.weights[ARRIVED] > 0, counts_of(bundle)
    late = np.array([arrived[rows].all() for rows in rows_of(counts)])
    if not targets[:, late].any() or late.all() or not arrived.any():
        return bundle
    weights, biases = evidence_of(statistics(bundle), late_photos(bundle))
    level = np.where(arrived[None], -np.inf, _plain_rows(bundle, embeddings))
    level = level - logsumexp(level, axis=1, keepdims=True)
    evidence = embeddings.astype(np.float64) @ weights.T + biases[None]
    calls = Calls(level, evidence, rounds_of(bundle), targets.argmax(axis=1), counts)
    usual = usual_balance(late_photos(bundle))
    temper, offsets = fitted_balance(calls, usual, most_lost)
    return balanced(bundle, temper, offsets.tolist())


def _plain_rows(bundle: Bundle, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the trained head's scaled logits of all class vectors, (n, rows)."""
    objective = objective_named(bundle.objective)
    rows, dim = sum(counts_of(bundle)), bundle.network.dim
    head = nnx.eval_shape(lambda: objective.head(0, dim, rows))
    load_weights(head, head_of(bundle, objective))
    found = np.asarray(head(embeddings, embeddings[:, :0]), np.float64)
    return found * float(bundle.weights[SCALE][0])


def head_of(bundle: Bundle, objective: Objective) -> Weights:
    """Return the leaves of the head by name.

    Raises:
        DataError: a head of this kind has no class vectors.
    """
    leaves = bundle.weights.items()
    head = {n.removeprefix(HEAD_LEAVES): v for n, v in leaves if n.startswith(HEAD_LEAVES)}
    require_vectors(objective)
    return head


def require_vectors(objective: Objective) -> None:
    """Refuse a kind of classification whose head has no class vectors.

    Raises:
        DataError: it has none.
    """
    if not objective.vector_axes:
        raise DataError(
            f"a model of the objective {objective.name} has no class vectors: train again"
        )
