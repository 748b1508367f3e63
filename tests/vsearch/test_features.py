from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vsearch.augment import Augmentation
from vsearch.data import TrainingData
from vsearch.errors import DataError
from vsearch.features import PHOTOS_AT_ONCE, FeatureCache, Renderings
from vsearch.images import ImageSpec, content_hash, load

RENDERINGS = Renderings(ImageSpec(size=16, fit="stretch"), 3)


class Extractor:
    """Mean colours as features; counts the renderings it was asked for."""

    def __init__(self, fail_after: int | None = None):
        self.renderings, self.fail_after = 0, fail_after

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self.fail_after is not None and self.renderings >= self.fail_after:
            raise KeyboardInterrupt
        self.renderings += len(pixels)
        return np.asarray(pixels.mean((1, 2)), np.float32)


def test_features_are_computed_once(colours: TrainingData, tmp_path: Path) -> None:
    first, second = Extractor(), Extractor()
    computed = FeatureCache(tmp_path / "cache", "net", RENDERINGS).compute(colours.train, first)
    kept = FeatureCache(tmp_path / "cache", "net", RENDERINGS).compute(colours.train, second)
    assert first.renderings == 3 * len(colours.train)
    assert second.renderings == 0
    np.testing.assert_array_equal(computed.values, kept.values)
    assert computed.values.shape == (18, 3, 3)


def test_rendering_0_is_what_serving_sees_and_rendering_1_its_mirror(colours: TrainingData) -> None:
    photo = colours.train[0]
    large = Image.open(photo.path).resize((1200, 900))
    large.save(photo.path.with_suffix(".jpg"))
    data = photo.path.with_suffix(".jpg").read_bytes()
    np.testing.assert_array_equal(
        RENDERINGS.render(data, content_hash(data))[0], load(data, RENDERINGS.spec)
    )
    renderings = RENDERINGS.render(photo.path.read_bytes(), photo.content_hash)
    np.testing.assert_array_equal(renderings[0][:, ::-1], renderings[1])
    again = RENDERINGS.render(photo.path.read_bytes(), photo.content_hash)
    np.testing.assert_array_equal(renderings, again)


def test_another_network_or_way_of_making_views_shares_nothing(
    colours: TrainingData, tmp_path: Path
) -> None:
    FeatureCache(tmp_path, "net", RENDERINGS).compute(colours.train, Extractor())
    others = [
        FeatureCache(tmp_path, "other", RENDERINGS),
        FeatureCache(tmp_path, "net", Renderings(ImageSpec(size=16, fit="pad"), 3)),
        FeatureCache(tmp_path, "net", Renderings(RENDERINGS.spec, 3, Augmentation(min_area=0.9))),
    ]
    for other in others:
        extractor = Extractor()
        other.compute(colours.train, extractor)
        assert extractor.renderings == 3 * len(colours.train)


def test_an_interrupt_keeps_what_was_computed(colours: TrainingData, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, "net", RENDERINGS)
    with pytest.raises(KeyboardInterrupt):
        cache.compute(colours.train, Extractor(fail_after=1))
    resumed = Extractor()
    stages: list[tuple[str, int, int]] = []
    cache.compute(colours.train, resumed, progress=lambda *report: stages.append(report))
    assert resumed.renderings == 3 * (len(colours.train) - PHOTOS_AT_ONCE)
    assert stages[0] == ("features", PHOTOS_AT_ONCE, 18)
    assert stages[-1] == ("features", 18, 18)


@pytest.fixture
def spoilt(colours: TrainingData) -> TrainingData:
    """Three photos spoilt after the import: gone, cut short, replaced by another."""
    gone, cut, replaced = (colours.train[index].path for index in (0, 7, 14))
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:200])
    replaced.write_bytes(colours.train[1].path.read_bytes())
    return colours


def test_bad_photos_are_listed_and_the_rest_goes_on(spoilt: TrainingData, tmp_path: Path) -> None:
    result = FeatureCache(tmp_path, "net", RENDERINGS).compute(spoilt.train, Extractor())
    assert len(result.photos) == len(result.values) == 15
    reasons = {path.name: reason for path, reason in result.unreadable}
    assert set(reasons) == {"0-0.png", "1-1.png", "2-2.png"}
    assert "has changed since it was imported" in reasons["2-2.png"]


def test_a_damaged_file_is_told_of_with_what_to_do(colours: TrainingData, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "cache", "net", RENDERINGS)
    cache.path.write_bytes(b"no database at all")
    with pytest.raises(DataError, match=r"features-\w+\.db cannot be used .*: delete the file"):
        cache.compute(colours.train, Extractor())
