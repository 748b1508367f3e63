"""Every kind of classification through train, a model on disk, and the answers to photos."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.vsearch.conftest import noisy_photo
from vsearch.data import Label, LabelledPhoto, TrainingData
from vsearch.embed import Embedder, Predictions
from vsearch.errors import DataError
from vsearch.fit_network import NetworkConfig
from vsearch.images import load
from vsearch.train import TrainConfig, train


def relabelled(
    data: TrainingData, names: tuple[str, ...], labels_of: Callable[[int], tuple[int, ...]]
) -> TrainingData:
    """Return the same photos with labels that follow from their colour's index."""

    def told(photos: tuple[LabelledPhoto, ...]) -> tuple[LabelledPhoto, ...]:
        return tuple(replace(photo, labels=labels_of(photo.labels[0])) for photo in photos)

    labels = tuple(Label(name, (), "kind") for name in names)
    return TrainingData(labels, ("kind",), told(data.train), told(data.val))


def answers(data: TrainingData, config: TrainConfig, tmp_path: Path) -> Embedder:
    result = train(data, config, cache=tmp_path / "cache")
    assert result.unreadable == {}
    assert result.bundle.objective == config.objective
    return Embedder.load(result.bundle.save(tmp_path / "models"))


def asked(embedder: Embedder, photos: tuple[LabelledPhoto, ...]) -> Predictions:
    pixels = [load(photo.path.read_bytes(), embedder.spec) for photo in photos]
    predictions = embedder(np.stack(pixels))
    np.testing.assert_allclose(np.linalg.norm(predictions.embeddings, axis=1), 1, atol=1e-5)
    return predictions


def tiny(objective: str) -> TrainConfig:
    network = NetworkConfig(epochs=12, batch=12, learning_rate=1e-2)
    return TrainConfig("tiny", objective=objective, dim=16, network=network)


@pytest.mark.parametrize("objective", ["softmax", "normalised-softmax"])
def test_one_label_of_several(objective: str, colours: TrainingData, tmp_path: Path) -> None:
    embedder = answers(colours, tiny(objective), tmp_path)
    predictions = asked(embedder, colours.val)
    assert predictions.assigned.argmax(1).tolist() == [p.labels[0] for p in colours.val]
    np.testing.assert_allclose(predictions.shares, predictions.probabilities)
    assert embedder.bundle.metrics["val_top1"] == 1.0


def test_yes_or_no(colours: TrainingData, tmp_path: Path) -> None:
    data = relabelled(colours, ("other", "red"), lambda colour: (int(colour == 0),))
    embedder = answers(data, tiny("binary"), tmp_path)
    predictions = asked(embedder, data.val)
    assert predictions.assigned[:, 1].tolist() == [p.labels == (1,) for p in data.val]
    assert not predictions.shares.any()  # neither answer is a place in the tree
    metrics = embedder.bundle.metrics
    assert (metrics["val_auroc"], metrics["val_f1"], metrics["val_top1"]) == (1.0, 1.0, 1.0)


def test_several_labels_a_photo(colours: TrainingData, tmp_path: Path) -> None:
    names = ("red", "green", "blue", "warm", "cold")
    data = relabelled(colours, names, lambda colour: (colour, 3 if colour == 0 else 4))
    labels = tuple(replace(label, path=("Paint", label.name)) for label in data.labels[:3])
    data = replace(data, labels=labels + data.labels[3:])
    embedder = answers(data, tiny("multi-label"), tmp_path)
    predictions = asked(embedder, data.val)
    given = [tuple(np.flatnonzero(row).tolist()) for row in predictions.assigned]
    assert given == [photo.labels for photo in data.val]
    np.testing.assert_allclose(predictions.shares.sum(1), 1, atol=1e-5)
    assert not predictions.shares[:, 3:].any()
    assert embedder.bundle.metrics["val_map"] == 1.0


def test_our_own_photos_and_others(colours: TrainingData, tmp_path: Path) -> None:
    more = tuple(noisy_photo(tmp_path / f"{seed}.png", seed % 3, seed) for seed in range(20, 32))
    data = replace(colours, val=colours.val + more)
    data = relabelled(data, ("paint",), lambda _: (0,))
    config = TrainConfig(objective="one-class", trained="head", renderings=1, dim=16)
    embedder = answers(data, config, tmp_path)
    own = asked(embedder, data.val)
    foreign = asked(embedder, stripes(tmp_path / "foreign"))
    # The most unusual of 21 has p = 2 / 22, or 1 / 22 where serving rounds the other way.
    assert own.assigned.sum() >= 20
    assert not foreign.assigned.any()
    assert own.probabilities.min() >= foreign.probabilities.max()
    assert embedder.bundle.metrics == {"val_acceptance": 1.0}
    with pytest.raises(DataError, match="one-class needs pretrained weights"):
        train(data, tiny("one-class"), cache=tmp_path)


def stripes(folder: Path) -> tuple[LabelledPhoto, ...]:
    """Write pictures of stripes of different widths."""
    folder.mkdir()
    photos = []
    for width in (2, 3, 5, 8):
        pixels = np.zeros((48, 48, 3), np.uint8)
        pixels[np.arange(48) // width % 2 == 0] = 255
        path = folder / f"{width}.png"
        Image.fromarray(pixels).save(path)
        photos.append(LabelledPhoto(path, path.name, (0,), catalogue=False))
    return tuple(photos)


def test_data_of_another_kind_is_refused_before_anything_is_computed(
    colours: TrainingData, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="binary needs 2 labels, the column “colour” has 3"):
        train(colours, tiny("binary"), cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
