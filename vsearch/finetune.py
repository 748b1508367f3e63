"""Fine-tuning a trained model on the labels that it knows and on new ones, in a minute or two.

The trunk stays as it is; projection and head go on from where they are, on the features of old and
new photos, all labels equally often. What the old head says of photos of the labels that it was
trained on takes part in their targets (distillation: Hinton, Vinyals & Dean 2015, arXiv:1503.02531;
against forgetting: Li & Hoiem, Learning without Forgetting, 2016, arXiv:1606.09282).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vsearch.bundle import Bundle, Weights, load_weights
from vsearch.class_rows import ARRIVED, counts_of
from vsearch.data import TrainingData
from vsearch.errors import DataError
from vsearch.fit_head import HeadConfig, head_logits
from vsearch.models.classifier import TopLayers, abstract_top
from vsearch.models.several_vectors import rows_of
from vsearch.objectives import objective_named
from vsearch.out_of_fold import head_config
from vsearch.progress import Progress, silent
from vsearch.train import TrainResult, train_on
from vsearch.train_config import TrainConfig
from vsearch.trunk_features import trained_trunk

TOP = "top."
# Chosen on val photos of fashion-catalogue (see BENCHMARKS.md).
TUNING = HeadConfig(steps=300, learning_rate=1e-2, checks=5)
TAUGHT = 0.5  # the share of the old head's say in the targets of photos that it was trained on


def finetune(
    bundle: Bundle,
    data: TrainingData,
    *,
    cache: Path,
    head: HeadConfig = TUNING,
    taught: float = TAUGHT,
    progress: Progress = silent,
) -> TrainResult:
    """Train projection and head of a model further; its parent is the model that it was.

    Features of photos are kept in the cache as they are computed, which takes most of the time: a
    call that was interrupted goes on from there.

    Args:
        bundle: a model that knows all labels of the data, if only by imprinted class vectors.
        data: the labelled photos, old and new ones.
        cache: a folder for features; may be deleted at any time.
        head: how the head is trained.
        taught: the old head's share in the targets of photos that it was trained on, 0 to 1.
        progress: told of every stage.

    Raises:
        DataError: a label that the model does not know, or a kind of model without class vectors.
    """
    objective = objective_named(bundle.objective)
    unknown = {label.name for label in data.labels} - {label.name for label in bundle.labels}
    if unknown or not objective.vector_axes:
        told = f"it does not know “{min(unknown)}”" if unknown else "it has no class vectors"
        raise DataError(f"model {bundle.model_fingerprint} cannot be fine-tuned: {told}")
    config = _config(bundle, head)
    known = trained_trunk(bundle, config.computed_in)
    before = partial(_Before, bundle, taught=taught)
    result = train_on(known, data, config, before, cache=cache, progress=progress)
    return replace(result, bundle=replace(result.bundle, parent=bundle.model_fingerprint))


def _config(bundle: Bundle, head: HeadConfig) -> TrainConfig:
    """Return how the model was trained, as far as that goes for a head on its own trunk."""
    known = head_config(bundle.training) if "config" in bundle.training else TrainConfig()
    return replace(
        known, objective=bundle.objective, dim=bundle.network.dim, head=head, renderings=1
    )


class _Before:
    """A bundle's projection and head, for training on some labels in another order."""

    def __init__(self, bundle: Bundle, data: TrainingData, *, taught: float = TAUGHT) -> None:
        self.bundle, self.taught = bundle, taught
        self.objective = objective_named(bundle.objective)
        place = {label.name: index for index, label in enumerate(bundle.labels)}
        self.places = np.array([place[label.name] for label in data.labels])
        rows = rows_of(counts_of(bundle))
        self.rows = [rows[index] for index in self.places.tolist()]
        late = bundle.weights.get(ARRIVED, np.zeros(sum(counts_of(bundle))))
        self.trained = np.array([not late[own].any() for own in self.rows])
        self.top = _top_of(bundle)

    def start(self) -> Weights:
        """Return the values to start from: of several class vectors of a label the mean."""
        top = _leaves(self.bundle)
        found = {name: leaf for name, leaf in top.items() if not name.startswith("head.")}
        axes = self.objective.vector_axes
        for name, axis in axes.items():
            if not name.startswith("arrivals."):
                found[f"head.{name}"] = _means(top[f"head.{name}"], self.rows, axis)
        return found

    def soften(
        self, features: NDArray[np.float16], targets: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the targets with the old head's say, of photos that it was trained on."""
        logits = head_logits(self.top, features)
        said = self.objective.probabilities(logits, self.bundle.calibration)[:, self.places]
        if self.objective.exclusive:  # of labels that came later it knows less
            said = said * self.trained[None]
            said = said / np.maximum(said.sum(axis=1, keepdims=True), 1e-9)
        share = self.taught * (targets @ self.trained > 0).astype(np.float32)[:, None]
        return np.asarray((1 - share) * targets + share * said, np.float32)


def _means(
    leaf: NDArray[np.float32], rows: Sequence[NDArray[np.int64]], axis: int
) -> NDArray[np.float32]:
    parts = [np.take(leaf, own, axis=axis).mean(axis=axis) for own in rows]
    return np.stack(parts, axis=axis)


def _leaves(bundle: Bundle) -> Weights:
    return {n.removeprefix(TOP): v for n, v in bundle.weights.items() if n.startswith(TOP)}


def _top_of(bundle: Bundle) -> TopLayers:
    leaves, objective = _leaves(bundle), objective_named(bundle.objective)
    features = len(leaves["projection.feature_mean"])
    labels, vectors = len(bundle.labels), bundle.vectors
    top = abstract_top(features, bundle.network.dim, labels, objective, vectors)
    load_weights(top, leaves)
    return top
