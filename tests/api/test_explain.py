"""Sheets that say why, and the options that draw them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from api.cli import app
from api.explain import PhotoSeen, explain_hits, explain_labels, explain_pair
from api.explain_sheet import draw_reasons, search_explained
from api.heat_marks import mark, warm
from api.sheet import PAPER, Prediction
from indexer.search import Searcher
from indexer.shop import Shop
from tests.api.conftest import Manifests
from vsearch.explain import Explainer
from vsearch.images import Crop, ImageError, ImageProblem, ImageSpec


@pytest.fixture(scope="module")
def explainer(trained: Path) -> Explainer:
    with Shop.open(trained / "shop") as shop:
        model = shop.current().model
        assert model
        return Explainer.load(shop.models / model)


@pytest.fixture
def query(manifests: Manifests) -> Path:
    return manifests.folder / "images/test/red-box.png"


def run(*arguments: object, code: int = 0) -> str:
    told = [str(one) for one in arguments]
    result = CliRunner().invoke(app, told, env={"COLUMNS": "120"})
    assert result.exit_code == code, result.output
    return result.output if code else result.stdout


def answer(*arguments: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run(*arguments, "--json"))
    return document


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_heat_is_warm_and_the_rest_grey() -> None:
    photo = Image.new("RGB", (64, 64), (40, 160, 220))
    values = np.zeros((32, 32), np.float32)
    values[8:24, 8:24] = 1
    drawn = np.asarray(mark(photo, values, ImageSpec(size=32)), np.int64)
    red, green, blue = drawn[32, 32]
    assert red > 100 + max(green, blue)
    assert np.ptp(drawn[4, 4]) <= 1
    assert drawn[4, 4, 0] == pytest.approx(np.asarray(photo.convert("L"))[0, 0] * 0.75 + 50, abs=1)


def test_heat_goes_from_yellow_to_red() -> None:
    colours = warm(np.linspace(0, 1, 5, dtype=np.float32))
    assert colours.shape == (5, 3)
    assert (np.diff(colours[:, 1]) < 0).all()


def test_what_was_not_seen_fades_into_the_paper() -> None:
    photo = Image.new("RGB", (100, 100), (0, 0, 0))
    values = np.zeros((32, 32), np.float32)
    drawn = mark(photo, values, ImageSpec(size=32), Crop(0, 0, 0.5, 0.5))
    paper = np.array([int(PAPER[start : start + 2], 16) for start in (1, 3, 5)])
    seen, unseen = np.array(drawn.getpixel((10, 10))), np.array(drawn.getpixel((90, 90)))
    assert np.abs(paper - unseen).max() < np.abs(paper - seen).min() / 2


def test_labels_are_explained_best_first(explainer: Explainer, query: Path) -> None:
    photo = PhotoSeen.of(explainer, query.read_bytes())
    probabilities, _ = explainer.probabilities(photo.seen)
    told = explain_labels(photo, 3)
    assert 1 <= len(told) <= 3
    assert told[0].probability == pytest.approx(float(probabilities.max()))
    assert [one.probability for one in told] == sorted((o.probability for o in told), reverse=True)
    assert all(one.marked.size == photo.photo.size for one in told)
    assert not told[0].foreign
    assert len(explain_labels(photo, 1)) == 1


def test_both_photos_of_a_pair_keep_their_shape(explainer: Explainer, query: Path) -> None:
    photo = PhotoSeen.of(explainer, query.read_bytes())
    wide = Image.new("RGB", (900, 300), (200, 30, 40))
    file = query.parent / "wide.png"
    wide.save(file)
    other = PhotoSeen.of(explainer, file.read_bytes())
    file.unlink()
    one, two = explain_pair(photo, other)
    assert one.size == photo.photo.size
    assert two.size == (640, 213)


def test_only_catalogue_photos_are_shown_in_public(
    explainer: Explainer, trained: Path, query: Path
) -> None:
    with Shop.open(trained / "shop") as shop:
        hits = Searcher.open(shop).search(query.read_bytes(), top_k=3).hits
        photo = PhotoSeen.of(explainer, query.read_bytes())
        further = next(p for _, p in shop.catalogue.photos(role="further", splits=["train"]))
        matched = type(hits[0])(hits[0].item, hits[0].score, further.key)
        (private,) = explain_hits(shop, photo, [matched], public=False)
        (public,) = explain_hits(shop, photo, [matched], public=True)
        assert (private.role, public.role) == ("further", "catalogue")
        assert private.plain
        assert public.plain
        assert private.plain.tobytes() != public.plain.tobytes()
        (own,) = explain_hits(shop, photo, hits[:1], public=False)
        assert own.similarity == pytest.approx(hits[0].score, abs=1e-4)


def test_a_hit_whose_photo_is_gone_is_told_without(
    explainer: Explainer, trained: Path, query: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(path: Path, *, max_bytes: int) -> bytes:
        raise ImageError(ImageProblem.MISSING, f"there is no file {path}")

    with Shop.open(trained / "shop") as shop:
        result = Searcher.open(shop).search(query.read_bytes(), top_k=2)
        photo = PhotoSeen.of(explainer, query.read_bytes())
        whole = search_explained(shop, explainer, query.read_bytes(), result)
        monkeypatch.setattr("api.explain.read_photo", gone)
        for one in explain_hits(shop, photo, result.hits, public=False):
            assert (one.role, one.found, one.plain) == (None, None, None)
            assert one.similarity == one.hit.score
        without = search_explained(shop, explainer, query.read_bytes(), result)
    assert without.size == whole.size
    assert without.tobytes() != whole.tobytes()


def test_the_sheet_grows_with_its_rows() -> None:
    photo = Image.new("RGB", (80, 40), (220, 20, 30))
    empty = draw_reasons(photo, [], [Prediction("Fruit", 0.9)], "Shop: why")
    assert empty.mode == "RGB"
    many = draw_reasons(photo, [], [Prediction("Fruit", 0.9)] * 12, "Shop: why")
    assert many.height > empty.height


def test_search_draws_why(trained: Path, query: Path, tmp_path: Path) -> None:
    file = tmp_path / "why.png"
    told = answer("search", trained / "shop", query, "--explain", file)
    assert told["explained"] == str(file)
    assert told["hits"]
    width, height = size_of(file)
    assert min(width, height) > 800


def test_search_numbers_the_pictures_of_several_photos(
    trained: Path, query: Path, tmp_path: Path
) -> None:
    file = tmp_path / "why.webp"
    shown = run("search", trained / "shop", query, query, "--explain", file, "--crop", "0,0,1,.5")
    assert [f"why-{n}.webp" in shown.replace("\n", "") for n in (1, 2)] == [True, True]
    assert size_of(tmp_path / "why-1.webp") == size_of(tmp_path / "why-2.webp")
    assert not file.exists()


def test_classify_draws_why(trained: Path, query: Path, tmp_path: Path) -> None:
    file = tmp_path / "why.png"
    told = answer("classify", trained / "shop", query, "--explain", file)
    assert told["explained"] == str(file)
    assert told["labels"]
    assert size_of(file)[0] > 600
    assert "explained" not in answer("classify", trained / "shop", query)


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "shop", "photo.jpg", "--explain", "why"],
        ["classify", "shop", "photo.jpg", "--explain", "why.txt"],
        ["classify", "shop", ".", "--explain", "why.png"],
        ["classify", "shop", "photo.jpg", "--explain", "why.png", "--out", "tags.csv"],
    ],
)
def test_bad_usage_ends_with_2(arguments: list[str]) -> None:
    run(*arguments, code=2)
