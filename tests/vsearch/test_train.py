from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vsearch import buckets
from vsearch.data import TrainingData
from vsearch.embed import Embedder
from vsearch.errors import DataError, WeightsError
from vsearch.fit_head import HeadConfig, LabelledFeatures, fit_head
from vsearch.fit_network import NetworkConfig
from vsearch.images import load
from vsearch.precision import PRECISIONS
from vsearch.train import TrainConfig, TrainResult, train


def tiny(epochs: int = 8, seed: int = 0) -> TrainConfig:
    network = NetworkConfig(epochs=epochs, batch=12, learning_rate=1e-2)
    return TrainConfig(backbone="tiny", dim=16, seed=seed, network=network)


def pixels_of(data: TrainingData, embedder: Embedder) -> np.ndarray:
    return np.stack([load(p.path.read_bytes(), embedder.spec) for p in data.val])


@pytest.fixture
def trained(colours: TrainingData, tmp_path: Path) -> TrainResult:
    return train(colours, tiny(), cache=tmp_path / "cache")


def test_a_small_network_learns_from_scratch_and_serves(
    colours: TrainingData, trained: TrainResult, tmp_path: Path
) -> None:
    bundle = trained.bundle
    assert bundle.metrics["val_top1"] == 1.0
    assert trained.unreadable == {}
    embedder = Embedder.load(bundle.save(tmp_path / "models"))
    pixels = pixels_of(colours, embedder)
    predictions = embedder(pixels)
    assert predictions.probabilities.argmax(1).tolist() == [p.labels[0] for p in colours.val]
    np.testing.assert_allclose(predictions.probabilities.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(predictions.embeddings, axis=1), 1, atol=1e-5)
    # Bigger or smaller batches, padded or not: the same photo, the same vector.
    for count in (1, 2, 9):
        np.testing.assert_allclose(
            embedder(pixels[:count]).embeddings, predictions.embeddings[:count], atol=1e-5
        )
    passes: list[tuple[int, ...]] = []
    compiled = embedder._forward

    def counted(state: Any, batch: jax.Array) -> tuple[jax.Array, jax.Array]:
        passes.append(batch.shape)
        outputs: tuple[jax.Array, jax.Array] = compiled(state, batch)
        return outputs

    embedder._forward = counted  # type: ignore[assignment]
    embedder(pixels[:1])
    assert passes == [(1, 32, 32, 3)]  # one pass gives both embedding and probabilities
    lower = Embedder(bundle, PRECISIONS["bf16"])(pixels).embeddings
    # Measured: at least 0.9995. The index of one precision serves the other.
    assert (lower * predictions.embeddings).sum(1).min() > 0.995
    with pytest.raises(ValueError, match="photos of 32 × 32"):
        embedder(np.zeros((1, 16, 16, 3), np.uint8))


def test_the_same_seed_gives_the_same_weights(colours: TrainingData, tmp_path: Path) -> None:
    first, again, other = (
        train(colours, tiny(epochs=1, seed=seed), cache=tmp_path).bundle.model_fingerprint
        for seed in (0, 0, 1)
    )
    assert first == again != other


def test_photos_spoilt_since_the_import_are_listed(colours: TrainingData, tmp_path: Path) -> None:
    colours.train[3].path.write_bytes(b"no photo")
    result = train(colours, tiny(epochs=2), cache=tmp_path)
    assert list(result.unreadable) == [str(colours.train[3].path)]


def test_a_label_without_a_readable_photo_drops_out_and_the_rest_is_trained(
    colours: TrainingData, tmp_path: Path
) -> None:
    for photo in colours.train:
        if photo.labels[0] == 1:
            photo.path.write_bytes(b"no photo")
    config = TrainConfig(renderings=1, dim=8, head=HeadConfig(steps=40, batch=8))
    stages: set[str] = set()
    result = train(colours, config, cache=tmp_path, progress=lambda stage, *_: stages.add(stage))
    assert [label.name for label in result.bundle.labels] == ["red", "blue"]
    assert result.bundle.training["photos"] == {"train": 12, "val": 6}
    assert len(result.unreadable) == 6
    assert result.bundle.metrics["val_top1"] == 1.0
    assert result.bundle.provenance["licence"] == "Apache-2.0"
    assert stages == {"features", "features of val", "train head"}
    for photo in colours.train:
        if photo.labels[0] == 2:
            photo.path.write_bytes(b"no photo")
    with pytest.raises(DataError, match="at least two labels"):
        train(colours, config, cache=tmp_path / "other")


@pytest.mark.parametrize(
    ("fields", "error", "expected"),
    [
        ({"backbone": "vgg"}, DataError, "no backbone “vgg”; there are efficientnet-lite0"),
        ({"precision": "fp8"}, DataError, "no precision “fp8”"),
        ({"weights": "package", "backbone": "resnet-small"}, WeightsError, "use weights “none”"),
    ],
)
def test_a_wrong_choice_lists_the_right_ones(
    fields: dict[str, str], error: type[Exception], expected: str
) -> None:
    with pytest.raises(error, match=expected):
        TrainConfig(**fields)  # type: ignore[arg-type]


def features(data: TrainingData, noise: float = 0.5) -> tuple[LabelledFeatures, LabelledFeatures]:
    """Return features in which the first three columns name the label."""
    rng = np.random.default_rng(0)

    def of(photos: tuple[object, ...], labels: list[int]) -> np.ndarray:
        clean = np.eye(3, 6)[labels][:, None] * 3 + np.array([5, 0, 0, 100, 0, 0])
        return np.asarray(clean + rng.normal(0, noise, (len(labels), 2, 6)), np.float16)

    train_labels, val_labels = ([p.labels[0] for p in part] for part in (data.train, data.val))
    return (
        LabelledFeatures(data.train, of(data.train, train_labels)),
        LabelledFeatures(data.val, of(data.val, val_labels)),
    )


def test_the_head_learns_standardises_and_reports(colours: TrainingData) -> None:
    train_features, val_features = features(colours)
    stages: list[tuple[str, int, int]] = []
    fitted = fit_head(
        train_features,
        val_features,
        3,
        HeadConfig(steps=60, batch=16, dropout=0.1, learning_rate=0.1),
        dim=8,
        seed=0,
        progress=lambda *report: stages.append(report),
    )
    assert fitted.val_cosines is not None
    assert fitted.val_cosines.argmax(1).tolist() == [p.labels[0] for p in colours.val]
    assert (stages[0], stages[-1]) == (("train head", 0, 60), ("train head", 60, 60))
    np.testing.assert_allclose(
        fitted.head.feature_mean[...], train_features.values.mean((0, 1), np.float64), rtol=1e-3
    )
    alone = fit_head(
        train_features,
        LabelledFeatures((), val_features.values[:0]),
        3,
        HeadConfig(steps=60, batch=16, dropout=0.1, learning_rate=0.1),
        dim=8,
        seed=0,
    )
    assert alone.step == 60
    assert alone.val_cosines is None


def test_a_loss_that_is_not_finite_stops_training_and_names_the_step(
    colours: TrainingData,
) -> None:
    train_features, val_features = features(colours)
    train_features.values[:, :, 0] = np.nan
    with pytest.raises(DataError, match="nan at step 2"):
        fit_head(train_features, val_features, 3, HeadConfig(steps=20), dim=4, seed=0)


@pytest.mark.parametrize(
    ("photos", "sizes"),
    [(1, [1]), (2, [8]), (8, [8]), (9, [32]), (32, [32]), (33, [32, 1]), (70, [32, 32, 8])],
)
def test_batches_cover_all_photos_once(photos: int, sizes: list[int]) -> None:
    batches = buckets.plan(photos)
    assert [size for _, _, size in batches] == sizes
    assert [index for a, b, _ in batches for index in range(a, b)] == list(range(photos))


def test_any_number_of_photos_compiles_at_most_three_programs() -> None:
    traces = []

    @jax.jit
    def forward(pixels: jax.Array) -> tuple[jax.Array]:
        traces.append(pixels.shape)
        return (pixels.astype(jnp.float32).mean((1, 2, 3)),)

    for count in range(1, 80):
        pixels = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones(
            (1, 4, 4, 3), np.uint8
        )
        (means,) = buckets.run(forward, pixels)
        np.testing.assert_allclose(means, np.arange(count))
    assert sorted(shape[0] for shape in traces) == [1, 8, 32]


@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (4, 4, 3), (1, 4, 4, 1)])
def test_pixels_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected pixels"):
        buckets.run(lambda pixels: (), np.zeros(shape, np.uint8))


@pytest.mark.parametrize("name", ["fp32", "bf16"])
def test_parameters_and_outputs_stay_float32_and_convolutions_use_the_lower(
    name: str, trained: TrainResult
) -> None:
    embedder = Embedder(trained.bundle, PRECISIONS[name])
    pixels = jnp.zeros((1, 32, 32, 3), jnp.uint8)
    with jax.numpy_dtype_promotion("strict"):
        program = jax.make_jaxpr(embedder._forward)(embedder._state, pixels)
    convolved = {
        str(v.aval.dtype)
        for equation in _all_equations(program.jaxpr)
        if equation.primitive.name == "conv_general_dilated"
        for v in equation.invars
    }
    assert convolved == {"float32" if name == "fp32" else "bfloat16"}
    assert {str(a.dtype) for a in program.out_avals} == {"float32"}
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(embedder._state)} == {"float32"}


def _all_equations(jaxpr: Any) -> list[Any]:
    found = []
    for equation in jaxpr.eqns:
        found.append(equation)
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", None)
            if inner is not None:
                found += _all_equations(inner)
    return found
