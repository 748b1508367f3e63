"""What trained models know of how familiar a photo is: fitted last, served in the same pass."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from tests.vsearch.conftest import noisy_photo
from vsearch.bundle import FAMILIARITY, MODEL, SCHEMA, Bundle
from vsearch.data import Label, TrainingData
from vsearch.embed import Embedder
from vsearch.errors import BundleError
from vsearch.fit_network import NetworkConfig
from vsearch.images import ImageSpec, load
from vsearch.models.architectures import ARCHITECTURES, Architecture
from vsearch.models.familiarity import FamiliarPhotos, fitted_familiarity
from vsearch.models.resnet import SmallResNet
from vsearch.precision import PRECISIONS
from vsearch.progress import Progress, silent
from vsearch.train import LEAST_PHOTOS, TrainConfig, train
from vsearch.trunk_features import feature_extractor, trained_trunk

DIM = 8
CHANNELS = (4, 6)
BACKBONE = "two stages"
FP32 = PRECISIONS["fp32"]


@pytest.fixture(scope="module", autouse=True)
def two_stages() -> Iterator[None]:
    """Offer a backbone whose stages can be told apart by their width."""
    architecture = Architecture(
        lambda **options: SmallResNet(CHANNELS, **options),
        ImageSpec(size=16, fit="stretch"),
        (0, 1),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ARCHITECTURES, BACKBONE, architecture)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    folder = tmp_path_factory.mktemp("photos")
    photos = {
        split: tuple(
            noisy_photo(folder / split / f"{label}-{seed}.png", label, seed)
            for label in range(2)
            for seed in seeds
        )
        for split, seeds in (("train", range(6)), ("val", range(10, 12)))
    }
    labels = tuple(Label(name, ("Paint", name), "colour") for name in ("red", "green"))
    return TrainingData(labels, ("colour",), photos["train"], photos["val"])


def trained(
    data: TrainingData, cache: Path, *, progress: Progress = silent, **changes: Any
) -> Bundle:
    network = NetworkConfig(epochs=1, batch=6)
    config = TrainConfig(backbone=BACKBONE, dim=DIM, precision="fp32", network=network, **changes)
    return train(data, config, cache=cache, progress=progress).bundle


@pytest.fixture(scope="module")
def bundle(data: TrainingData, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return trained(data, tmp_path_factory.mktemp("cache"))


def pixels_of(data: TrainingData, bundle: Bundle) -> np.ndarray:
    return np.stack([load(photo.path.read_bytes(), bundle.spec) for photo in data.train])


def unfamiliar(bundle: Bundle) -> Bundle:
    """Return the same model as if it had never been told what is familiar."""
    kept = {name: leaf for name, leaf in bundle.weights.items() if not name.startswith(FAMILIARITY)}
    return replace(bundle, weights=kept)


def test_it_is_fitted_to_the_training_photos_alone_as_serving_sees_them(
    data: TrainingData, bundle: Bundle
) -> None:
    pixels = pixels_of(data, bundle)
    trunk = trained_trunk(bundle, FP32).trunk
    assert trunk.channels == CHANNELS
    features = feature_extractor(trunk)(pixels)
    mean, spread = (bundle.weights[f"top.projection.feature_{name}"] for name in ("mean", "spread"))
    labels = [photo.labels[0] for photo in data.train]
    photos = FamiliarPhotos(features.astype(np.float16), labels, 2, mean, spread)
    again = fitted_familiarity(photos, CHANNELS, DIM, seed=0)
    told = Embedder(bundle)(pixels).familiarity
    assert told.shape == (len(data.train), 2)
    assert np.isfinite(told).all()
    np.testing.assert_allclose(told, again(jnp.asarray((features - mean) / spread)), rtol=0.02)


def test_it_changes_the_model_and_not_the_embedding(data: TrainingData, bundle: Bundle) -> None:
    without = unfamiliar(bundle)
    assert bundle.familiar
    assert not without.familiar
    assert without.embedding_fingerprint == bundle.embedding_fingerprint
    assert without.model_fingerprint != bundle.model_fingerprint
    pixels = pixels_of(data, bundle)
    told, blind = Embedder(bundle)(pixels), Embedder(without)(pixels)
    assert blind.familiarity.shape == (len(pixels), 0)
    np.testing.assert_allclose(blind.embeddings, told.embeddings, atol=1e-6)
    np.testing.assert_allclose(blind.probabilities, told.probabilities, atol=1e-6)


def edit_schema(folder: Path, schema: int) -> Path:
    model = json.loads((folder / MODEL).read_text())
    assert model["schema"] == SCHEMA
    (folder / MODEL).write_text(json.dumps(model | {"schema": schema}))
    return folder


def test_a_model_of_the_schema_before_familiarity_still_loads(
    bundle: Bundle, tmp_path: Path
) -> None:
    without = unfamiliar(bundle)
    before = Bundle.load(edit_schema(without.save(tmp_path), 2))
    assert before.model_fingerprint == without.model_fingerprint
    assert not before.familiar
    assert Bundle.load(bundle.save(tmp_path)).familiar
    for schema in (1, SCHEMA + 1):
        with pytest.raises(BundleError, match=f"schema {schema}, this program reads 2, 3 and 4"):
            Bundle.load(
                edit_schema(
                    replace(without, parent=str(schema)).save(tmp_path / f"{schema}"), schema
                )
            )


def test_a_model_that_lost_what_is_familiar_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    folder = bundle.save(tmp_path)
    unfamiliar(bundle).save(tmp_path / "other")
    weights = next((tmp_path / "other").glob("*/weights.safetensors"))
    (folder / "weights.safetensors").write_bytes(weights.read_bytes())
    with pytest.raises(BundleError, match="model_fingerprint is"):
        Bundle.load(folder)
    one_less = dict(bundle.weights)
    del one_less["familiarity.spread"]
    broken = replace(bundle, weights=one_less).save(tmp_path / "third")
    with pytest.raises(BundleError, match=r"leaf “familiarity\.spread” has nothing"):
        Bundle.load(broken)


def test_labels_that_do_not_exclude_have_no_typical_photo(
    data: TrainingData, tmp_path: Path
) -> None:
    bundle = trained(data, tmp_path, objective="multi-label")
    assert bundle.weights["familiarity.class_means"].shape == (0, DIM)
    told = Embedder(bundle)(pixels_of(data, bundle)).familiarity
    assert told.shape == (len(data.train), 1)


def test_a_photo_that_goes_while_its_layers_are_trained_does_not_end_the_training(
    data: TrainingData, tmp_path: Path
) -> None:
    photos = [
        noisy_photo(tmp_path / f"{label}-{seed}.png", label, seed)
        for label in range(2)
        for seed in range(LEAST_PHOTOS // 2 + 1)
    ]
    gone, stages = iter((photos[0], photos[1])), []

    def lose_one(stage: str, done: int, _total: int, /) -> None:
        stages.append(stage)
        if (stage, done) == ("features", 0):
            next(gone).path.unlink()

    bundle = trained(replace(data, train=tuple(photos)), tmp_path / "1", progress=lose_one)
    assert bundle.familiar
    assert stages[-2:] == ["familiarity", "familiarity"]
    few = replace(data, train=(photos[1], *photos[3:]))  # ten, and soon nine: too few
    assert not trained(few, tmp_path / "2", progress=lose_one).familiar
    assert not trained(replace(few, train=few.train[1:]), tmp_path / "3").familiar
