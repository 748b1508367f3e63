"""Why: which places of a photo a label's logit, or its similarity with another, comes from.

The features are means and deviations over all positions of several stages, and a mean over
positions is a sum of what each position gives. The embedding is a linear map of them scaled to unit
length; with the length as it is, its product with a class vector, or with the embedding of another
photo, is a sum over positions, too. So a map here is no estimate: its values add up to the very
score that it explains. It is the class activation map (Zhou et al., Learning Deep Features for
Discriminative Localization, CVPR 2016, arXiv:1512.04150) of all pooled stages at once, and for two
photos what Stylianou, Souvenir & Pless draw (Visualizing Deep Similarity Networks, WACV 2019,
arXiv:1901.00536).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vsearch.bundle import Bundle, load_weights
from vsearch.devices import use_compile_cache
from vsearch.images import ImageSpec
from vsearch.models.classifier import TopLayers, abstract_classifier, statistics_of
from vsearch.models.unit_rows import EPSILON
from vsearch.objectives import objective_named
from vsearch.precision import Precision, default_precision

Map = NDArray[np.float32]  # (size, size): what each place of the network's square gives to a score
State = nnx.State[Any, Any]
SMOOTHING = 1 / 32  # deviation of the Gaussian that evens out maps, as a part of the square's side


@dataclass(frozen=True)
class Seen:
    """One photo as the network sees it: what all maps of it start from.

    Attributes:
        stages: the pooled stages, each (1, h, w, channels) float32, on the device.
        embedding: (dim,) float32, unit length.
        logits: (outputs,) float32.
    """

    stages: tuple[jax.Array, ...]
    embedding: NDArray[np.float32]
    logits: NDArray[np.float32]


class Explainer:
    """A bundle ready to say why; compiled once, safe to call from several threads.

    Every map is float32 of shape (size, size), over the square of pixels that the network takes;
    `vsearch.heat` lays it over the photo. A value above the map's mean is a place that speaks for
    the label or the likeness, one below 0 a place that speaks against it. Fine detail is not to be
    had: most of the sum comes from the last stages, whose positions are up to 32 pixels apart.
    """

    def __init__(self, bundle: Bundle, precision: Precision | None = None):
        use_compile_cache()
        self.bundle = bundle
        self.objective = objective_named(bundle.objective)
        compute = (precision or default_precision()).compute
        labels = len(bundle.labels)
        network = abstract_classifier(
            bundle.network, labels, self.objective, compute, vectors=bundle.vectors
        )
        load_weights(network, bundle.weights)
        network.eval()  # type: ignore[no-untyped-call]
        definition, state = nnx.split(network)
        top_definition, self._top = nnx.split(network.top)
        size = bundle.spec.size

        @jax.jit
        def see(
            state: State, pixels: jax.Array
        ) -> tuple[list[jax.Array], tuple[jax.Array, jax.Array]]:
            network = nnx.merge(definition, state)
            stages = network.trunk.stages(pixels)
            return stages, network.top(statistics_of(stages))

        @jax.jit
        def explain(
            top: State, stages: tuple[jax.Array, ...], embedding: jax.Array, logits: jax.Array
        ) -> jax.Array:
            return _contributions(nnx.merge(top_definition, top), stages, embedding, logits, size)

        self._see, self._state, self._explain = see, state, explain

    @classmethod
    def load(cls, folder: Path) -> "Explainer":
        """Load the bundle in `folder`.

        Raises:
            BundleError: the bundle is missing or damaged.
        """
        return cls(Bundle.load(folder))

    @property
    def spec(self) -> ImageSpec:
        """Return how photos become this network's pixels."""
        return self.bundle.spec

    def see(self, pixels: NDArray[np.uint8]) -> Seen:
        """Run the network on one photo.

        Args:
            pixels: (size, size, 3) uint8 as `images.preprocess` returns them.

        Raises:
            ValueError: pixels of another shape or dtype.
        """
        size = self.spec.size
        if pixels.shape != (size, size, 3) or pixels.dtype != np.uint8:
            raise ValueError(
                f"expected pixels ({size}, {size}, 3) uint8, got {pixels.shape} {pixels.dtype}"
            )
        stages, (embedding, logits) = self._see(self._state, jnp.asarray(pixels[None]))
        return Seen(tuple(stages), np.asarray(embedding[0]), np.asarray(logits[0]))

    def probabilities(self, seen: Seen) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return how probable each label is and whether the photo is given it, (labels,) both."""
        calibration = self.bundle.calibration
        probabilities = self.objective.probabilities(seen.logits[None], calibration)
        return probabilities[0], self.objective.assigned(probabilities, calibration)[0]

    def label_map(self, seen: Seen, label: int) -> Map:
        """Return what each place gives to the logit of a label.

        The map adds up to the logit, less what the head gives to a photo whose features are all as
        usual (a bias; nothing with the normalised softmax, whose logit is a cosine). Of a yes-or-no
        question, “no” has the negative logit. One-class measures how far features are from usual:
        there, the lowest values are the most foreign places.

        Args:
            seen: the photo.
            label: its index among the bundle's labels.

        Raises:
            ValueError: there is no such label.
        """
        if not 0 <= label < len(self.bundle.labels):
            raise ValueError(f"label {label} of {len(self.bundle.labels)} labels: 0 is the first")
        return self._map(seen, np.zeros_like(seen.embedding), self._towards(label, seen))

    def similarity_maps(self, query: Seen, hit: Seen) -> tuple[Map, Map]:
        """Return what each place of two photos gives to their similarity, the query's first.

        Either map adds up to the cosine of the two embeddings, which is a hit's score.
        """
        none = np.zeros_like(query.logits)
        return (
            self._map(query, hit.embedding, none),
            self._map(hit, query.embedding, none),
        )

    def _towards(self, label: int, seen: Seen) -> NDArray[np.float32]:
        """Return the direction of the logits in which a label becomes more probable."""
        if len(seen.logits) < len(self.bundle.labels):  # one logit tells “yes” from “no”
            return np.array([1 if label else -1], np.float32)
        towards = np.zeros_like(seen.logits)
        towards[label] = 1
        return towards

    def _map(self, seen: Seen, embedding: NDArray[np.float32], logits: NDArray[np.float32]) -> Map:
        found = self._explain(
            self._top, seen.stages, jnp.asarray(embedding[None]), jnp.asarray(logits[None])
        )
        return np.asarray(found)


def _contributions(
    top: TopLayers,
    stages: tuple[jax.Array, ...],
    embedding: jax.Array,
    logits: jax.Array,
    size: int,
) -> jax.Array:
    """Return the map (size, size) of the score embedding · e + logits · l of one photo.

    With its length held, the embedding is linear in the features, and so are all heads but that of
    one-class, which is a square: the slope half way from usual features to the photo's, times the
    way, is the score to the last digit (integrated gradients, Sundararajan et al. 2017,
    arXiv:1703.01365, with one step).

    The pooled statistics share a feature out evenly where all positions are alike. What a position
    gives beyond that is its distance from the mean of all, times the slope there: for a mean,
    slope × (y - mean) / n; for a deviation, slope × (y - mean)² / (deviation × n).
    """
    features, pool_slopes = jax.vjp(statistics_of, stages)
    x = top.projection.standardise(features)
    length = jnp.linalg.norm(top.projection.coordinates(x), axis=-1, keepdims=True)

    # Of a class that came later, what speaks for its class vector: evidence is no sum over places.
    head = getattr(top.head, "plain", top.head)

    def score(x: jax.Array) -> jax.Array:
        e = top.projection.coordinates(x) / jnp.maximum(length, EPSILON)
        total: jax.Array = (e * embedding).sum() + (head(e, x) * logits).sum()
        return total

    slope = jax.grad(score)(x / 2)
    (position_slopes,) = pool_slopes(slope / top.projection.feature_spread[...][None])
    found = jnp.zeros((size, size))
    for y, position_slope in zip(stages, position_slopes, strict=True):
        beyond = (y - y.mean((1, 2), keepdims=True)) * position_slope
        found = found + _spread(beyond.sum((0, -1)), size)
    level: jax.Array = ((slope * x).sum() - found.sum()) / size**2
    return found + level


def _spread(values: jax.Array, size: int) -> jax.Array:
    """Enlarge values (h, w) of a stage smoothly to (size, size); their sum stays the same."""
    down, across = (_spreading(length, size) for length in values.shape)
    enlarged: jax.Array = jnp.asarray(down) @ values @ jnp.asarray(across).T
    return enlarged


def _spreading(length: int, size: int) -> NDArray[np.float32]:
    """Return how each of `length` positions is shared among `size` pixels: columns sum to 1.

    Cubic convolution (Keys 1981), then a Gaussian: on val photos neither moves a map's share on the
    product by more than .01, but the seams between positions, which mean nothing, do not show.
    """
    positions = np.arange(-2, length + 2)
    at = (np.arange(size) + 0.5) * length / size - 0.5
    x = np.abs(at[:, None] - positions[None])
    near, far = (1.5 * x - 2.5) * x * x + 1, ((2.5 - 0.5 * x) * x - 4) * x + 2
    kernel = np.where(x < 1, near, np.where(x < 2, far, 0))
    weights = np.zeros((size, length))
    for column, position in enumerate(np.clip(positions, 0, length - 1)):  # edges are repeated
        weights[:, position] += kernel[:, column]
    pixels = np.arange(size) / (SMOOTHING * size)
    weights = np.exp(-np.square(pixels[:, None] - pixels[None]) / 2) @ weights
    return np.asarray(weights / weights.sum(axis=0, keepdims=True), np.float32)
