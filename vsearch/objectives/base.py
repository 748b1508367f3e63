"""Objective: the head, loss, calibration and figures of one kind of classification.

A network gives every photo pooled features and a unit-length embedding; the objective's head makes
logits of them. Training sees the loss; everything that comes after it (which step is the best on
val, probabilities, which labels a photo is given) is NumPy.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import jax
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vsearch.data import TrainingData
from vsearch.errors import DataError
from vsearch.models.several_vectors import Vectors

if TYPE_CHECKING:  # the network's layers are made of an objective
    from vsearch.models.classifier import TopLayers

# What calibration on val found, kept in model.json: numbers and lists of numbers by name.
Calibration = Mapping[str, Any]
Logits = NDArray[np.float32]
Targets = NDArray[np.bool_]
Leaves = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class LossOptions:
    """How a loss is bent.

    Attributes:
        smoothing: the share of each photo's target that is spread over all labels (Szegedy et al.
            2016, arXiv:1512.00567).
        log_prior: log of each label's share of the training photos, (labels,); it is added to the
            logits in training alone, so that rare labels are not overlooked (logit adjustment,
            Menon et al. 2021, arXiv:2007.07314). None: no adjustment.
    """

    smoothing: float = 0.0
    log_prior: tuple[float, ...] | None = None


class Head(Protocol):
    """Embedding and standardised features to logits, in float32."""

    def __call__(self, embedding: jax.Array, features: jax.Array, /) -> jax.Array:
        """Map unit rows (n, dim) and features (n, features) to logits (n, outputs)."""


class Objective(ABC):
    """One kind of classification.

    Attributes:
        name: what the command line and model.json call it.
        exclusive: whether a photo has exactly one label, so that probabilities sum to 1.
        rejects: whether a photo may be of nothing that is sold here.
        closed_form: whether `fit` finds the head, without any training step.
        least_labels: how few labels it needs.
        most_labels: how many it can have; None: any number.
        vector_axes: the leaves that the head may have which hold something for every class vector,
            with the axis along which the vectors lie; empty: a trained head takes on no further
            label.
    """

    name: ClassVar[str]
    exclusive: ClassVar[bool] = True
    rejects: ClassVar[bool] = False
    closed_form: ClassVar[bool] = False
    least_labels: ClassVar[int] = 2
    most_labels: ClassVar[int | None] = None
    vector_axes: ClassVar[Mapping[str, int]] = {}

    def check(self, data: TrainingData) -> None:
        """Refuse data of another kind.

        Raises:
            DataError: too few or too many labels, or several labels on one photo where one is
                expected.
        """
        labels, least, most = len(data.labels), self.least_labels, self.most_labels
        if labels < least or (most is not None and labels > most):
            wanted = f"{least}" if least == most else f"{least} or more"
            raise DataError(
                f"{self.name} needs {wanted} label{'' if wanted == '1' else 's'}, the column "
                f"“{data.columns}” has {labels}: choose another column or another objective"
            )
        if self.exclusive:
            other = next((p for p in (*data.train, *data.val) if len(p.labels) != 1), None)
            if other is not None:
                raise DataError(
                    f"{self.name} gives a photo one label, {other.path} has "
                    f"{len(other.labels)}: use the objective multi-label"
                )

    @abstractmethod
    def head(self, features: int, dim: int, labels: int, vectors: Vectors = ()) -> nnx.Module:
        """Return a `Head` without values: shapes are what matters; `initialise` or `fit` fill it.

        Its leaves need names that `models/initialise.py` knows, or `closed_form`.

        Args:
            features: how many there are.
            dim: length of an embedding.
            labels: how many there are.
            vectors: how many class vectors each label has; empty: one each. Only those with
                `vector_axes` are asked for several.
        """

    @abstractmethod
    def loss(self, logits: jax.Array, targets: jax.Array, options: LossOptions) -> jax.Array:
        """Return the mean loss of a batch, a float32 scalar.

        Args:
            logits: (n, outputs) float32.
            targets: (n, labels) float32, 1 where the photo has the label.
            options: how the loss is bent.
        """

    def fit(self, top: "TopLayers", features: NDArray[np.float16]) -> None:
        """Fill all leaves of projection and head of a `closed_form` objective, in place.

        Args:
            top: its leaves may still be without values.
            features: (photos, renderings, features), the plain photo first.

        Raises:
            DataError: too few photos.
        """
        raise NotImplementedError(f"{self.name} is trained step by step")

    def imprint(self, head: Leaves, vectors: NDArray[np.float32]) -> Leaves:
        """Return what the head's leaves in `vector_axes` hold for new class vectors.

        Args:
            head: the leaves of the trained head by name.
            vectors: (n ≥ 1, dim) float32, unit rows.

        Raises:
            DataError: a head of this kind takes on no further label.
        """
        raise DataError(
            f"a model of the objective {self.name} takes on no further label: train again"
        )

    def carried(self, calibration: Calibration, origins: Sequence[Sequence[int]]) -> Calibration:
        """Return the calibration as it is for other labels, until val calibrates anew.

        Args:
            calibration: what `calibrate` returned.
            origins: of each label now the old labels that it was, by index; none: it is new.
        """
        return dict(calibration)

    @abstractmethod
    def quality(self, logits: Logits, targets: Targets) -> tuple[float, ...]:
        """Return how good logits are on val; greater tuples are better."""

    @abstractmethod
    def calibrate(self, logits: Logits, targets: Targets) -> Calibration:
        """Return what makes probabilities honest; with no photos (n = 0), a sound default.

        Args:
            logits: (n, outputs) float32 of val photos.
            targets: (n, labels) bool.
        """

    @abstractmethod
    def probabilities(self, logits: Logits, calibration: Calibration) -> NDArray[np.float32]:
        """Return the probability of every label, (n, labels) float32 in 0..1."""

    def assigned(
        self, probabilities: NDArray[np.float32], calibration: Calibration
    ) -> NDArray[np.bool_]:
        """Return which labels each photo is given, (n, labels); here the most probable one."""
        given = np.zeros(probabilities.shape, bool)
        given[np.arange(len(given)), probabilities.argmax(axis=1)] = True
        return given

    def foreignness(
        self, probabilities: NDArray[np.float32], calibration: Calibration
    ) -> NDArray[np.float32] | None:
        """Return how foreign photos look, (n,) within 0..1, from .5 on those that are turned away.

        None: this kind of classification turns no photo away.
        """
        return None

    def shares(
        self, logits: Logits, calibration: Calibration, tree: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Return what rolls up the category tree, (n, labels) float32; rows sum to 1 or are 0.

        Args:
            logits: (n, outputs) float32.
            calibration: what `calibrate` returned.
            tree: (labels,), which labels stand for a place in the category tree, of which an item
                has exactly one. Others get 0.
        """
        return self.probabilities(logits, calibration) * tree[None]

    @abstractmethod
    def metrics(
        self, probabilities: NDArray[np.float32], targets: Targets, calibration: Calibration
    ) -> dict[str, float]:
        """Return figures by name for n ≥ 1 photos; all are better when higher, except `nll`.

        Args:
            probabilities: (n, labels) float32.
            targets: (n, labels) bool.
            calibration: what `calibrate` returned.
        """
