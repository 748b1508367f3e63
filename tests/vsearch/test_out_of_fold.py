"""Labels judged by heads that have not seen the photo: wrong ones found, nothing leaked."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.indexer.tiny_network import TINY, offer_tiny, write_weights
from tests.vsearch.conftest import noisy_photo
from vsearch import out_of_fold
from vsearch.bundle import Bundle
from vsearch.data import Label, LabelledPhoto, TrainingData
from vsearch.errors import DataError
from vsearch.fit_head import HeadConfig, HeadData, fit_head
from vsearch.fit_network import NetworkConfig
from vsearch.objectives import objective_named
from vsearch.out_of_fold import LabelDoubts, columns_of, head_config, judge_labels
from vsearch.train import TrainConfig, train

STEPS = HeadConfig(steps=60, batch=16)


@pytest.fixture
def many(tmp_path: Path) -> TrainingData:
    """Three colours, twelve train and four val photos each; one of each colour is called another.

    The wrong ones are the last train photo and the last val photo of a colour.
    """

    def photos(split: str, seeds: Sequence[int]) -> tuple[LabelledPhoto, ...]:
        painted = [
            noisy_photo(tmp_path / split / f"{label}-{seed}.png", label, seed)
            for label in range(3)
            for seed in seeds
        ]
        wrong = {len(seeds) * (label + 1) - 1: (label + 1) % 3 for label in range(3)}
        return tuple(
            replace(photo, labels=(wrong[place],)) if place in wrong else photo
            for place, photo in enumerate(painted)
        )

    labels = tuple(Label(name, (), "colour") for name in ("red", "green", "blue"))
    train, val = photos("train", range(12)), photos("val", range(20, 24))
    return TrainingData(labels, ("colour",), train, val)


@pytest.fixture
def model(many: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """A model whose head alone was trained, on the pretrained tiny network."""
    offer_tiny(monkeypatch)
    config = TrainConfig(
        TINY,
        weights=str(write_weights(tmp_path / "tiny.safetensors")),
        objective="normalised-softmax",
        dim=16,
        trained="head",
        head=STEPS,
    )
    return train(many, config, cache=tmp_path / "cache").bundle


def alone(data: TrainingData) -> dict[str, int]:
    """Return groups of one photo each."""
    hashes = dict.fromkeys(photo.content_hash for photo in (*data.train, *data.val))
    return {content: number for number, content in enumerate(hashes)}


def judge(data: TrainingData, model: Bundle, tmp_path: Path, **options: Any) -> LabelDoubts:
    groups = options.pop("groups", alone(data))
    return judge_labels(data, model, groups, cache=tmp_path / "cache", **options)


def most_doubtful(found: LabelDoubts, count: int) -> set[str]:
    (column,) = found.columns
    worst = np.argsort(-column.doubts.values)[:count]
    return {
        f"{column.photos[row].path.parent.name}/{column.photos[row].path.stem}" for row in worst
    }


def test_wrong_labels_of_train_and_val_are_the_most_doubtful(
    many: TrainingData, model: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decoded(*_: object) -> None:
        raise AssertionError("every feature has been kept since the training")

    monkeypatch.setattr(LabelledPhoto, "read", decoded)
    found = judge(many, model, tmp_path, folds=4)
    expected = {f"train/{label}-11" for label in range(3)} | {f"val/{n}-23" for n in range(3)}
    assert most_doubtful(found, 6) == expected
    (column,) = found.columns
    assert len(column.photos) == 48
    assert column.doubts.flagged.sum() >= 4
    wrong = [row for row, photo in enumerate(column.photos) if photo.path.stem[-2:] in {"11", "23"}]
    assert (column.doubts.suggested[wrong] == [0, 1, 2, 0, 1, 2]).all()
    assert (column.doubts.values[wrong] > 0.5).all()
    assert found.features == "tiny as it came"
    assert found.not_judged == 0


def test_no_head_has_seen_what_it_judges(
    many: TrainingData, model: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[set[str]] = []
    judged: list[set[str]] = []

    def seen(data: HeadData, *positional: Any, **named: Any) -> Any:
        trained.append({photo.content_hash for photo in data.train.photos})
        judged.append(set())
        return fit_head(data, *positional, **named)

    def answers(self: Any, rows: Any, *others: Any) -> None:
        judged[-1] |= {self.judging.photos[row].content_hash for row in rows}
        add(self, rows, *others)

    add = out_of_fold._Column.add
    monkeypatch.setattr(out_of_fold, "fit_head", seen)
    monkeypatch.setattr(out_of_fold._Column, "add", answers)
    # The first photo of each colour and its neighbour are copies of one another.
    groups = alone(many) | {many.train[12 * i + 1].content_hash: 12 * i for i in range(3)}
    judge(many, model, tmp_path, folds=3, groups=groups)
    assert len(trained) == 3
    assert set.union(*judged) == {p.content_hash for p in (*many.train, *many.val)}
    val = {photo.content_hash for photo in many.val}
    for learned, answered in zip(trained, judged, strict=True):
        assert not learned & answered
        assert not learned & val
        for i in range(3):
            first, copy = (many.train[12 * i + n].content_hash for n in (0, 1))
            assert (first in answered) == (copy in answered)


def test_a_label_that_nobody_else_teaches_is_not_judged(
    many: TrainingData, model: Bundle, tmp_path: Path
) -> None:
    single = noisy_photo(tmp_path / "single.png", 0, 99)
    data = replace(
        many,
        labels=(*many.labels, Label("pink", (), "colour")),
        train=(*many.train, replace(single, labels=(3,))),
    )
    found = judge(data, model, tmp_path, folds=2)
    assert found.not_judged == 1
    (column,) = found.columns
    assert single.content_hash not in {photo.content_hash for photo in column.photos}
    # A catalogue photo, the only one of its label, is judged by further photos alone.
    told = dict(zip((p.path.stem for p in column.photos), column.alone, strict=True))
    assert {stem for stem, lonely in told.items() if lonely} == {"0-0", "1-0", "2-0"}
    assert not column.doubts.flagged[column.alone].any()
    everything_alike = dict.fromkeys(alone(data), 0)
    with pytest.raises(DataError, match="none has two photos that are not copies"):
        judge(data, model, tmp_path, groups=everything_alike)


def test_photos_that_cannot_be_read_are_told(
    many: TrainingData, model: Bundle, tmp_path: Path
) -> None:
    new = replace(many.train[0], content_hash="0" * 64)
    data = replace(many, train=(new, *many.train[1:]))
    found = judge(data, model, tmp_path)
    assert list(found.unreadable) == [str(new.path)]
    assert len(found.columns[0].photos) == 47

    gone = replace(many, train=tuple(replace(p, content_hash="0" * 64) for p in many.train))
    with pytest.raises(DataError, match="none of 36 training photos can be read"):
        judge(gone, model, tmp_path)


def test_a_model_from_scratch_is_judged_by_its_own_trunk(
    tmp_path: Path, many: TrainingData
) -> None:
    network = NetworkConfig(epochs=4, batch=12, learning_rate=1e-2)
    config = TrainConfig("tiny", dim=16, network=network, head=STEPS)
    bundle = train(many, config, cache=tmp_path / "cache").bundle
    found = judge(many, bundle, tmp_path, folds=3)
    assert "trained on these labels" in found.features
    assert len(most_doubtful(found, 8) & {f"train/{n}-11" for n in range(3)}) == 3


def test_columns_are_judged_apart_and_several_labels_of_one_refused(
    many: TrainingData, tmp_path: Path
) -> None:
    labels = (*many.labels, Label("warm", (), "tone"), Label("cold", (), "tone"))
    tones = {0: 3, 1: 4, 2: 4}

    def both(photos: Sequence[LabelledPhoto]) -> tuple[LabelledPhoto, ...]:
        return tuple(replace(p, labels=(*p.labels, tones[p.labels[0]])) for p in photos)

    data = TrainingData(labels, ("colour", "tone"), both(many.train), both(many.val))
    config = TrainConfig("tiny", objective="multi-label", dim=16, head=STEPS)
    config = replace(config, network=NetworkConfig(epochs=4, batch=12, learning_rate=1e-2))
    bundle = train(data, config, cache=tmp_path / "cache").bundle
    found = judge(data, bundle, tmp_path, folds=3)
    colour, tone = found.columns
    assert (colour.column, tone.column) == ("colour", "tone")
    assert set(colour.given.tolist()) == set(colour.doubts.suggested.tolist()) == {0, 1, 2}
    assert set(tone.doubts.suggested.tolist()) == {3, 4}
    several = replace(data.train[0], labels=(0, 1, 3))
    with pytest.raises(DataError, match="has several labels of the column “colour”"):
        judge(replace(data, train=(several, *data.train[1:])), bundle, tmp_path)


def test_one_class_has_nothing_to_choose_between(many: TrainingData) -> None:
    with pytest.raises(DataError, match="one-class has one label"):
        columns_of(many, objective_named("one-class"))


def test_the_heads_are_trained_as_the_models_was(model: Bundle) -> None:
    config = head_config(model.training)
    assert (config.backbone, config.dim, config.head) == (TINY, 16, STEPS)
    assert config.objective == "normalised-softmax"
    assert config.weights is not None
    assert config.weights.endswith("tiny.safetensors")
