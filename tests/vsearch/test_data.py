from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vsearch.data import BalancedSampler, Label, LabelledPhoto, TrainingData
from vsearch.errors import DataError


def photo(label: int, number: int, catalogue: bool = False) -> LabelledPhoto:
    return LabelledPhoto(Path(f"{label}-{number}.jpg"), f"{label}-{number}", (label,), catalogue)


def test_every_label_is_drawn_equally_often_whatever_its_photos() -> None:
    photos = [photo(0, n) for n in range(99)] + [photo(1, 0)]
    drawn = BalancedSampler(photos, 2, 0.0).draw(4000, np.random.default_rng(0))
    share = np.mean([photos[index].labels[0] for index in drawn])
    assert 0.45 < share < 0.55
    assert len(set(drawn.tolist())) == 100


def test_a_share_of_each_batch_comes_from_catalogue_photos() -> None:
    photos = [photo(label, n, catalogue=n == 0) for label in range(4) for n in range(5)]
    drawn = BalancedSampler(photos, 4, 0.25).draw(64, np.random.default_rng(0))
    assert sum(photos[index].catalogue for index in drawn) == 16


def test_a_label_with_one_kind_of_photo_only_is_still_drawn() -> None:
    photos = [photo(0, 0, catalogue=True), photo(1, 0), photo(2, 0, catalogue=True), photo(2, 1)]
    sampler = BalancedSampler(photos, 3, 0.5)
    drawn = sampler.draw(600, np.random.default_rng(0))
    labels = [photos[index].labels[0] for index in drawn]
    assert {labels.count(label) > 150 for label in range(3)} == {True}


def test_a_sampler_draws_only_photos_of_the_label_it_chose() -> None:
    rng = np.random.default_rng(3)
    photos = [photo(int(rng.integers(7)), n, bool(rng.integers(2))) for n in range(60)]
    counts = np.zeros(7)
    sampler = BalancedSampler(photos, 7, 0.3)
    for index in sampler.draw(7000, rng):
        counts[photos[index].labels[0]] += 1
    assert counts.min() > 850
    assert counts.max() < 1150


LABELS = (Label("a", ("A",)), Label("b", ("B",)))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"train": (photo(0, 0),)}, "1 labels have no photo to train on: “b”"),
        ({"val": (photo(0, 0),)}, "1 photos are in both train and val"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(change: dict[str, object], expected: str) -> None:
    data = TrainingData(LABELS, ("kind",), (photo(0, 0), photo(1, 0)))
    with pytest.raises(DataError, match=expected):
        replace(data, **change)  # type: ignore[arg-type]
