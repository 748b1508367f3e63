"""Maps add up to the scores that they explain, and lie where the score comes from."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import NDArray

from vsearch.bundle import Bundle, Label, weights_of
from vsearch.embed import Embedder
from vsearch.explain import Explainer, Seen
from vsearch.models.architectures import NetworkSpec
from vsearch.models.classifier import abstract_classifier, statistics_of
from vsearch.models.initialise import initialise
from vsearch.objectives import objective_named

SIZE = 32
LABELS = {
    "normalised-softmax": 3,
    "softmax": 3,
    "multi-label": 3,
    "binary": 2,
    "one-class": 1,
}


def random_bundle(objective: str = "normalised-softmax") -> Bundle:
    """Return a network of random weights that has seen typical features."""
    kind, spec = objective_named(objective), NetworkSpec("tiny", 8)
    labels = tuple(Label(str(i), ()) for i in range(LABELS[objective]))
    network = abstract_classifier(spec, len(labels), kind)
    initialise(network, seed=0)
    rng = np.random.default_rng(1)
    weights = weights_of(network)
    for name in ("feature_mean", "feature_spread"):
        leaf = f"top.projection.{name}"
        weights[leaf] = rng.uniform(0.2, 1.5, weights[leaf].shape).astype(np.float32)
    for leaf in ("top.head.class_weights", "top.head.bias", "top.head.edge_score"):
        if leaf in weights:
            weights[leaf] = rng.normal(0, 1, weights[leaf].shape).astype(np.float32)
    if objective == "one-class":
        weights["top.head.basis"] = np.linalg.qr(weights["top.head.basis"])[0]
    calibration = kind.calibrate(
        np.zeros((0, len(labels)), np.float32), np.zeros((0, len(labels)), np.bool_)
    )
    return Bundle(spec, weights, labels, ("kind",), objective, calibration)


def noise(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), np.uint8)


def blob(x: int, y: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return a flat ground with a grainy blob of 8 × 8 around (x, y)."""
    pixels = np.full((SIZE, SIZE, 3), 128, np.uint8)
    pixels[y - 4 : y + 4, x - 4 : x + 4] = noise(seed)[:8, :8]
    return pixels


def raised_at_nothing(explainer: Explainer, seen: Seen, label: int) -> float:
    """Return the logit that the head gives to a photo whose features are all as usual."""
    weights = explainer.bundle.weights
    match explainer.bundle.objective:
        case "softmax":
            return float(weights["top.head.bias"][label])
        case "binary":
            return float(weights["top.head.bias"][0]) * (1 if label else -1)
        case "multi-label":
            return float(weights["top.head.label_biases"][label]) - 4.6
        case "one-class":
            return -float(weights["top.head.edge_score"][0] / weights["top.head.score_spread"][0])
    return 0.0


@pytest.mark.parametrize("objective", LABELS)
def test_a_labels_map_adds_up_to_its_logit(objective: str) -> None:
    bundle = random_bundle(objective)
    explainer, embedder = Explainer(bundle), Embedder(bundle)
    seen, told = explainer.see(noise(2)), embedder(noise(2)[None])
    np.testing.assert_allclose(seen.embedding, told.embeddings[0], atol=1e-5)
    np.testing.assert_allclose(seen.logits, told.logits[0], rtol=1e-4, atol=1e-5)
    for label in range(LABELS[objective]):
        found = explainer.label_map(seen, label)
        assert found.shape == (SIZE, SIZE)
        assert found.dtype == np.float32
        sign = -1 if objective == "binary" and label == 0 else 1
        logit = sign * float(told.logits[0, 0 if objective == "binary" else label])
        expected = logit - raised_at_nothing(explainer, seen, label)
        assert float(found.sum()) == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_both_maps_of_a_pair_add_up_to_the_cosine() -> None:
    explainer = Explainer(random_bundle())
    one, other = explainer.see(noise(3)), explainer.see(blob(10, 20))
    cosine = float(one.embedding @ other.embedding)
    assert abs(cosine) > 0.01
    for found in explainer.similarity_maps(one, other):
        assert float(found.sum()) == pytest.approx(cosine, abs=1e-5)
    own, same = explainer.similarity_maps(one, one)
    assert float(own.sum()) == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(own, same)


def test_a_map_is_what_each_position_gives_to_every_feature() -> None:
    """The same map, feature by feature, from the definitions of a mean and a deviation."""
    bundle = random_bundle()
    explainer = Explainer(bundle)
    seen = explainer.see(blob(10, 20))
    features = np.asarray(statistics_of(seen.stages))[0]
    usual, slopes = slopes_of_cosine(bundle, features, 1)
    expected = np.zeros((SIZE, SIZE))
    mean = 0
    for stage in seen.stages:
        y = np.asarray(stage[0], np.float64)
        channels = slice(mean, mean + y.shape[-1])
        spread = slice(channels.start + len(features) // 2, channels.stop + len(features) // 2)
        squares = np.square(y - y.mean((0, 1))) / features[spread]
        given = (y - usual[channels]) @ slopes[channels]
        given += (squares - usual[spread]) @ slopes[spread]
        expected += enlarged(given / given.size)
        mean = channels.stop
    found = explainer.label_map(seen, 1)
    assert expected.sum() == pytest.approx(float(found.sum()), abs=1e-3)
    # The map is smooth where `expected` has steps: what tiles of 4 × 4 pixels give is compared.
    ours, theirs = (values.reshape(8, 4, 8, 4).sum((1, 3)) for values in (found, expected))
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.97


def slopes_of_cosine(
    bundle: Bundle, features: NDArray[np.float32], label: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the usual features, and how the cosine with a class vector grows with each feature."""
    weights = bundle.weights
    usual = weights["top.projection.feature_mean"]
    kernel = (
        weights["top.projection.project.kernel"] / weights["top.projection.feature_spread"][:, None]
    )
    kernel = kernel - kernel.mean(1, keepdims=True)
    towards = weights["top.head.class_vectors"][label]
    length = np.linalg.norm((features - usual) @ kernel)
    return usual, kernel @ towards / np.linalg.norm(towards) / length


def enlarged(values: NDArray[np.float64]) -> NDArray[np.float64]:
    cell = SIZE // len(values)
    return np.kron(values, np.full((cell, cell), 1 / cell**2))


@pytest.mark.parametrize(("x", "y"), [(9, 9), (23, 9), (16, 24)])
def test_a_map_peaks_on_what_is_recognised(x: int, y: int) -> None:
    """A flat ground gives nothing: all that makes the blob's label likely lies on the blob."""
    bundle = random_bundle()
    flat = Explainer(bundle).see(np.full((SIZE, SIZE, 3), 128, np.uint8))
    usual = np.asarray(statistics_of(flat.stages))[0]
    bundle = replace(bundle, weights=bundle.weights | {"top.projection.feature_mean": usual})
    explainer = Explainer(bundle)
    seen, elsewhere = explainer.see(blob(x, y)), explainer.see(blob(12, 18, seed=1))
    vectors = np.stack([seen.embedding, -seen.embedding, np.roll(seen.embedding, 1)])
    bundle = replace(bundle, weights=bundle.weights | {"top.head.class_vectors": vectors})
    for found in (
        Explainer(bundle).label_map(seen, 0),
        explainer.similarity_maps(seen, seen)[0],
    ):
        down, across = np.unravel_index(int(found.argmax()), found.shape)
        assert abs(down - y) <= 4
        assert abs(across - x) <= 4
    against = Explainer(bundle).label_map(seen, 1)
    assert abs(int(against.argmin()) // SIZE - y) <= 4
    assert not np.array_equal(elsewhere.embedding, seen.embedding)


def test_photos_and_labels_that_do_not_fit_are_refused() -> None:
    explainer = Explainer(random_bundle())
    with pytest.raises(ValueError, match=r"expected pixels \(32, 32, 3\) uint8"):
        explainer.see(np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(ValueError, match=r"uint8, got .* int16"):
        explainer.see(np.zeros((SIZE, SIZE, 3), np.int16))
    with pytest.raises(ValueError, match="label 3 of 3 labels"):
        explainer.label_map(explainer.see(noise(0)), 3)


def test_probabilities_are_those_that_serving_tells() -> None:
    bundle = random_bundle()
    probabilities, assigned = Explainer(bundle).probabilities(Explainer(bundle).see(noise(5)))
    told = Embedder(bundle)(noise(5)[None])
    np.testing.assert_allclose(probabilities, told.probabilities[0], atol=1e-5)
    np.testing.assert_array_equal(assigned, told.assigned[0])


def test_a_photo_without_any_structure_has_a_level_map() -> None:
    found = Explainer(random_bundle()).see(np.zeros((SIZE, SIZE, 3), np.uint8))
    assert all(jnp.isfinite(stage).all() for stage in found.stages)
    one, other = Explainer(random_bundle()).similarity_maps(found, found)
    assert np.isfinite(one).all()
    assert float(one.sum()) == pytest.approx(1, abs=1e-4)
    np.testing.assert_array_equal(one, other)
