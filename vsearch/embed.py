"""Photos to unit vectors and probabilities, in one forward pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vsearch import buckets
from vsearch.bundle import CLASS_MEANS, Bundle, Label, load_weights
from vsearch.devices import use_compile_cache
from vsearch.extend import head_logits
from vsearch.images import ImageSpec
from vsearch.models.classifier import abstract_classifier
from vsearch.models.several_vectors import rows_of
from vsearch.objectives import objective_named
from vsearch.precision import Precision, default_precision


@dataclass(frozen=True)
class Predictions:
    """What the network says of n photos."""

    embeddings: NDArray[np.float32]  # (n, dim), unit rows
    logits: NDArray[np.float32]  # (n, outputs), as the head gives them
    probabilities: NDArray[np.float32]  # (n, labels), 0..1; rows sum to 1 where labels exclude
    assigned: NDArray[np.bool_]  # (n, labels), the labels that each photo is given
    shares: NDArray[np.float32]  # (n, labels), what rolls up the category tree; rows sum to 1 or 0
    # (n, 2), how usual the features are among the training photos', and how typical of one class;
    # (n, 1) where a photo may have several labels, (n, 0) where the model does not tell.
    familiarity: NDArray[np.float32]
    # (n,), how foreign photos look to an objective that turns some away: from .5 on those.
    foreign: NDArray[np.float32] | None


Forward = Callable[[list[jax.Array], Any], tuple[jax.Array, ...]]


class Embedder:
    """A bundle ready to run: compiled for a few batch sizes, safe to call from several threads."""

    def __init__(self, bundle: Bundle, precision: Precision | None = None):
        use_compile_cache()
        self.bundle = bundle
        precision = precision or default_precision()
        self.objective = objective_named(bundle.objective)
        labels = len(bundle.labels)
        network = abstract_classifier(
            bundle.network,
            labels,
            self.objective,
            precision.compute,
            familiar=bundle.familiar,
            vectors=bundle.vectors,
        )
        load_weights(network, bundle.weights)
        network.eval()  # type: ignore[no-untyped-call]
        definition, state = nnx.split(network)
        # A plain list of arrays: to take a network's state apart costs half a millisecond a pass.
        self._leaves, structure = jax.tree.flatten(state)
        self._forward = _forward(definition, structure)
        self._tree = tree_labels(bundle.labels)
        self._strange = strange_labels(bundle)

    @classmethod
    def load(cls, folder: Path) -> "Embedder":
        """Load the bundle in `folder`.

        Raises:
            BundleError: the bundle is missing or damaged.
        """
        return cls(Bundle.load(folder))

    @property
    def batch_sizes(self) -> Sequence[int]:
        """Return the sizes of batch that it is compiled for, ascending."""
        return buckets.batch_sizes()

    @property
    def spec(self) -> ImageSpec:
        """Return how photos become this network's pixels."""
        return self.bundle.spec

    @property
    def dim(self) -> int:
        """Return the length of an embedding."""
        return self.bundle.network.dim

    @property
    def embedding_fingerprint(self) -> str:
        """Return the name of the map from a photo to its embedding."""
        return self.bundle.embedding_fingerprint

    @property
    def model_fingerprint(self) -> str:
        """Return the name of the map from a photo to its probabilities."""
        return self.bundle.model_fingerprint

    def __call__(self, pixels: NDArray[np.uint8]) -> Predictions:
        """Embed and classify photos.

        Args:
            pixels: (n, size, size, 3) uint8 as `images.preprocess` returns them, n ≥ 1.

        Raises:
            ValueError: pixels of another shape or dtype.
        """
        size = self.spec.size
        if pixels.shape[1:3] != (size, size):
            raise ValueError(f"this network takes photos of {size} × {size}, got {pixels.shape}")
        embeddings, logits, usual = buckets.run(
            lambda batch: self._forward(self._leaves, batch), pixels
        )
        told = self._predictions(embeddings, logits, usual)
        return replace(told, familiarity=np.where(self.untold(told), np.nan, usual))

    def untold(self, told: "Predictions") -> NDArray[np.bool_]:
        """Return of which photos it is not known how typical they are of a class.

        They are those of labels that came later, whose features the model has never seen.

        Args:
            told: what the network says of n photos.

        Returns:
            Of each kind of familiarity, (n, kinds) bool.
        """
        best = told.probabilities.argmax(axis=1)
        found = np.zeros(told.familiarity.shape, bool)
        found[:, 1:] = self._strange[best][:, None]
        return found

    @property
    def by_embedding(self) -> bool:
        """Say whether the head looks at nothing but the embedding."""
        return bool(self.objective.vector_axes)

    def of_embeddings(self, embeddings: NDArray[np.float32]) -> Predictions:
        """Classify photos whose embeddings are known; how usual they are is not told.

        Args:
            embeddings: (n, dim) float32, unit rows, as this network makes them.

        Raises:
            DataError: the head looks at more than that; see `by_embedding`.
        """
        logits = head_logits(self.bundle, embeddings)
        return self._predictions(embeddings, logits, np.zeros((len(embeddings), 0), np.float32))

    def _predictions(
        self,
        embeddings: NDArray[np.float32],
        logits: NDArray[np.float32],
        usual: NDArray[np.float32],
    ) -> Predictions:
        objective, calibration = self.objective, self.bundle.calibration
        probabilities = objective.probabilities(logits, calibration)
        return Predictions(
            embeddings,
            logits,
            probabilities,
            objective.assigned(probabilities, calibration),
            objective.shares(logits, calibration, self._tree),
            usual,
            objective.foreignness(probabilities, calibration),
        )

    def uncalibrated(
        self, logits: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return probabilities and shares as they were if no val photo had calibrated them.

        Args:
            logits: (n, outputs) float32, of `Predictions`.

        Returns:
            Two arrays (n, labels) float32.
        """
        nothing = np.zeros((0, len(self.bundle.labels)), bool)
        calibration = self.objective.calibrate(logits[:0], nothing)
        probabilities = self.objective.probabilities(logits, calibration)
        return probabilities, self.objective.shares(logits, calibration, self._tree)

    def warm_up(self) -> None:
        """Compile every batch size, so that no shopper waits for it."""
        for size in self.batch_sizes:
            self(np.zeros((size, self.spec.size, self.spec.size, 3), np.uint8))


def strange_labels(bundle: Bundle) -> NDArray[np.bool_]:
    """Return of which labels a model that is familiar with others knows no features, (labels,)."""
    means = bundle.weights.get(CLASS_MEANS)
    if means is None or not len(means):
        return np.zeros(len(bundle.labels), bool)
    rows = rows_of(bundle.vectors or (1,) * len(bundle.labels))
    return np.array([not np.isfinite(means[own]).all() for own in rows])


@lru_cache(maxsize=4)
def _forward(definition: Any, structure: Any) -> Forward:  # noqa: ANN401
    """Return a network's pass, compiled once for all networks of one shape.

    Where a server takes another model over, nothing is traced and compiled anew: seconds in which
    the old one would hardly answer.
    """

    @jax.jit
    def forward(leaves: list[jax.Array], pixels: jax.Array) -> tuple[jax.Array, ...]:
        state: nnx.State[Any, Any] = jax.tree.unflatten(structure, leaves)
        judged: tuple[jax.Array, ...] = nnx.merge(definition, state).judged(pixels)
        return judged

    return forward


def tree_labels(labels: Sequence[Label]) -> NDArray[np.bool_]:
    """Return which labels stand for a place in the category tree, (labels,).

    An item has exactly one place. Where labels come from several columns, those of the most
    telling column that names a place are it; colours beside them are not.
    """
    columns = {label.column for label in labels if label.path}
    telling = next((c for c in ("item_id", "category", *sorted(columns)) if c in columns), None)
    return np.array([bool(label.path) and label.column == telling for label in labels], bool)
