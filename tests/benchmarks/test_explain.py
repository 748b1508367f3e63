"""Do maps lie on the product, and does hiding what they mark hide the product?

Needs a network trained on all of grocery-store: `VSEARCH_BENCH_MODEL` names the folder of one (the
models folder of a shop has them); otherwise one is trained with the defaults, in some minutes.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tests.benchmarks.finetune import read_data
from tests.benchmarks.grad_cam import GradCam
from tests.benchmarks.machine import machine
from tests.vsearch.outlined_photos import CHECKED, TUNING, item_of, product_mask, share_within
from vsearch.bundle import Bundle
from vsearch.data import LabelledPhoto, TrainingData
from vsearch.explain import Explainer, Seen
from vsearch.heat import above_average
from vsearch.images import load
from vsearch.train import TrainConfig, train

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(3600)]

STEPS = np.linspace(0, 1, 11)  # shares of the photo that are hidden or shown
BLUR = 12 / 224  # deviation of what hides a place, as a part of the side
EVERY = 62  # of the test photos are hidden and shown: 41 of them

FloatMap = NDArray[np.float32]
MapOf = Callable[[Seen, int], FloatMap]


@pytest.fixture(scope="module")
def photos(grocery_store: Path) -> tuple[TrainingData, tuple[LabelledPhoto, ...]]:
    """What is trained on, and the test photos."""
    return read_data(grocery_store, "test")


@pytest.fixture(scope="module")
def bundle(
    photos: tuple[TrainingData, tuple[LabelledPhoto, ...]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Bundle:
    folder = os.environ.get("VSEARCH_BENCH_MODEL")
    if folder:
        return Bundle.load(Path(folder))
    return train(photos[0], TrainConfig(), cache=tmp_path_factory.mktemp("cache")).bundle


@pytest.fixture(scope="module")
def explainer(bundle: Bundle) -> Explainer:
    return Explainer(bundle)


@pytest.fixture(scope="module")
def maps(bundle: Bundle, explainer: Explainer) -> dict[str, MapOf]:
    """Ours and its peers, by name; of every map, what is above its average counts."""
    grad_cam = GradCam(bundle)
    yy, xx = (np.mgrid[: bundle.spec.size, : bundle.spec.size] + 0.5) / bundle.spec.size - 0.5
    centre = np.exp(-(xx**2 + yy**2) / (2 * 0.2**2)).astype(np.float32)
    return {
        "ours": lambda seen, label: above_average(explainer.label_map(seen, label)),
        "Grad-CAM": grad_cam,
        "Grad-CAM above its average": lambda seen, label: above_average(grad_cam(seen, label)),
        "a spot in the middle": lambda _seen, _label: above_average(centre),
    }


@pytest.mark.parametrize(("name", "outlines"), [("tuning", TUNING), ("checked", CHECKED)])
def test_maps_lie_on_the_product(
    name: str,
    outlines: dict[str, str],
    grocery_store: Path,
    photos: tuple[TrainingData, tuple[LabelledPhoto, ...]],
    explainer: Explainer,
    maps: dict[str, MapOf],
) -> None:
    catalogue = [photo.path for photo in photos[0].train if photo.catalogue]
    items = [explainer.see(load(path.read_bytes(), explainer.spec)) for path in catalogue]
    vectors = np.stack([item.embedding for item in items])
    shares: dict[str, list[float]] = {"level": [], **{each: [] for each in maps}, "hit": []}
    right = 0
    print(f"\n{machine()}\n{name}: share of the mass on the product\n{'  '.join(shares)}")
    for photo, outline in outlines.items():
        path = grocery_store / "images" / photo
        mask = product_mask(path, outline, explainer.spec)
        seen = explainer.see(load(path.read_bytes(), explainer.spec))
        label = int(explainer.probabilities(seen)[0].argmax())
        right += explainer.bundle.labels[label].name == item_of(photo)
        hit = items[int(np.argmax(vectors @ seen.embedding))]
        of_hit = above_average(explainer.similarity_maps(seen, hit)[0])
        found = [share_within(each(seen, label), mask) for each in maps.values()]
        row = [float(mask.mean()), *found, share_within(of_hit, mask)]
        for values, value in zip(shares.values(), row, strict=True):
            values.append(value)
        print(f"{photo:92} " + "  ".join(f"{value:.2f}" for value in row))
    means = {each: float(np.mean(values)) for each, values in shares.items()}
    above = {each: sum(value > 0.5 for value in values) for each, values in shares.items()}
    print(f"{right} of {len(outlines)} labels right")
    for each, value in means.items():
        least = min(shares[each])
        print(f"{each:28} mean {value:.3f}  least {least:.2f}  over half {above[each]}")
    assert max(shares["level"]) < 0.5
    assert means["ours"] > 0.5
    assert means["hit"] > 0.5
    assert means["ours"] > means["Grad-CAM above its average"]
    assert means["ours"] > means["a spot in the middle"] > means["level"]


def test_hiding_what_is_marked_hides_the_product(
    photos: tuple[TrainingData, tuple[LabelledPhoto, ...]],
    explainer: Explainer,
    maps: dict[str, MapOf],
) -> None:
    """Deletion and insertion (Petsiuk, Das & Saenko, RISE, BMVC 2018, arXiv:1806.07421)."""
    hidden = photos[1][::EVERY]
    rng = np.random.default_rng(0)
    chosen = {
        "ours": explainer.label_map,
        "Grad-CAM": maps["Grad-CAM"],
        "a spot in the middle": maps["a spot in the middle"],
    }
    areas: dict[str, list[tuple[float, float]]] = {name: [] for name in (*chosen, "at random")}
    for photo in hidden:
        pixels = load(photo.path.read_bytes(), explainer.spec)
        seen = explainer.see(pixels)
        label = int(explainer.probabilities(seen)[0].argmax())
        found = {name: each(seen, label) for name, each in chosen.items()}
        noise = rng.random((7, 7)).astype(np.float32)
        size = (explainer.spec.size, explainer.spec.size)
        found["at random"] = np.asarray(
            Image.fromarray(noise).resize(size, Image.Resampling.BILINEAR)
        )
        for name, values in found.items():
            areas[name].append(deleted_and_inserted(explainer, pixels, values, label))
    means = {name: np.mean(values, axis=0) for name, values in areas.items()}
    print(f"\n{len(hidden)} test photos, mean probability of the label")
    for name, (deleted, inserted) in means.items():
        print(f"{name:24} while hidden {deleted:.3f}, while shown {inserted:.3f}")
    for other in ("Grad-CAM", "a spot in the middle", "at random"):
        assert means["ours"][0] < means[other][0]
    assert means["ours"][1] > means["at random"][1]


def deleted_and_inserted(
    explainer: Explainer, pixels: NDArray[np.uint8], values: FloatMap, label: int
) -> tuple[float, float]:
    """Return the mean probability of a label while what is marked most is hidden, and shown."""
    radius = BLUR * len(pixels)
    blurred = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))
    order = np.argsort(-values.ravel(), kind="stable")
    rank = np.empty(values.size)
    rank[order] = np.arange(values.size) / values.size
    marked = rank.reshape(values.shape)[:, :, None]
    curves = []
    for inside, outside in ((blurred, pixels), (pixels, blurred)):
        steps = [np.where(marked < step, inside, outside) for step in STEPS]
        told = [explainer.probabilities(explainer.see(step))[0][label] for step in steps]
        curves.append(float(np.trapezoid(told, STEPS)))
    return curves[0], curves[1]
