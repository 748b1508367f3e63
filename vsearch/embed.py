"""Photos to unit vectors and probabilities, in one forward pass."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vsearch import buckets
from vsearch.bundle import Bundle, load_weights
from vsearch.calibration import softmax
from vsearch.devices import use_compile_cache
from vsearch.images import ImageSpec
from vsearch.models.classifier import abstract_classifier
from vsearch.precision import Precision, default_precision


@dataclass(frozen=True)
class Predictions:
    """What the network says of n photos."""

    embeddings: NDArray[np.float32]  # (n, dim), unit rows
    probabilities: NDArray[np.float32]  # (n, labels), rows sum to 1


class Embedder:
    """A bundle ready to run: compiled for a few batch sizes, safe to call from several threads."""

    batch_sizes = buckets.BATCH_SIZES

    def __init__(self, bundle: Bundle, precision: Precision | None = None):
        use_compile_cache()
        self.bundle = bundle
        precision = precision or default_precision()
        network = abstract_classifier(bundle.network, len(bundle.labels), precision.compute)
        load_weights(network, bundle.weights)
        network.eval()  # type: ignore[no-untyped-call]
        definition, state = nnx.split(network)

        @jax.jit
        def forward(state: nnx.State[Any, Any], pixels: jax.Array) -> tuple[jax.Array, jax.Array]:
            return nnx.merge(definition, state)(pixels)

        self._forward, self._state = forward, state

    @classmethod
    def load(cls, folder: Path) -> "Embedder":
        """Load the bundle in `folder`.

        Raises:
            BundleError: the bundle is missing or damaged.
        """
        return cls(Bundle.load(folder))

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
        embeddings, cosines = buckets.run(
            lambda batch: self._forward(self._state, jnp.asarray(batch)), pixels
        )
        return Predictions(embeddings, softmax(cosines * np.float32(self.bundle.scale)))

    def warm_up(self) -> None:
        """Compile every batch size, so that no shopper waits for it."""
        for size in self.batch_sizes:
            self(np.zeros((size, self.spec.size, self.spec.size, 3), np.uint8))
