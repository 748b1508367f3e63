import numpy as np
from PIL import Image

from vsearch.augment import Augmentation
from vsearch.images import ImageSpec


def test_views_are_reproducible_and_differ() -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 255, (60, 90, 3), np.uint8))
    spec = ImageSpec(size=32)
    first, again, other = (
        Augmentation().apply(image, spec, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first.shape == (32, 32, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.5


def test_crops_keep_the_promised_area_and_stay_inside() -> None:
    augmentation = Augmentation(min_area=0.4)
    rng = np.random.default_rng(0)
    for width, height in ((90, 60), (1, 1), (400, 3), (3, 400)):
        for _ in range(200):
            crop = augmentation._crop(width, height, rng)
            assert crop.x + crop.width <= 1
            assert crop.y + crop.height <= 1
            if width / height == 1.5:
                assert 0.39 < crop.width * crop.height <= 1


def test_without_strength_a_square_photo_only_loses_its_border() -> None:
    flat = Image.new("RGB", (50, 50), (120, 30, 200))
    calm = Augmentation(brightness=0, contrast=0, saturation=0)
    view = calm.apply(flat, ImageSpec(size=16), np.random.default_rng(0))
    assert np.abs(view.astype(int) - (120, 30, 200)).max() <= 1


def test_saturation_moves_colour_towards_grey_and_keeps_luma() -> None:
    flat = Image.new("RGB", (50, 50), (200, 100, 50))
    only = Augmentation(brightness=0, contrast=0, saturation=0.9)
    spreads = set()
    for seed in range(8):
        view = only.apply(flat, ImageSpec(size=16), np.random.default_rng(seed))[8, 8].astype(float)
        assert abs(view @ (0.299, 0.587, 0.114) - 124.2) < 12  # clipping at 255 costs some
        spreads.add(round(float(np.ptp(view))))
    assert min(spreads) < 150 < max(spreads)
