"""“Unknown” and `restrict` as people, scripts and programs meet them: commands and HTTP."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner, Result

from api.cli import app
from api.cli.search import restricted_line
from indexer.build import build
from indexer.importing import import_manifest
from indexer.restriction import Restriction
from indexer.search import Searcher
from indexer.shop import Shop
from indexer.unknown import UNKNOWN_FROM
from tests.api.conftest import COLOURS, SHAPES, Manifests, Serve, paint
from tests.indexer.tiny_shop import TinyEmbedder, add_further, painted


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "120"})
    assert result.exit_code == code, result.output
    return result


def answer(*arguments: object, code: int = 0) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run(*arguments, "--json", code=code).stdout)
    return document


@pytest.fixture(scope="module")
def judged(trained: Path, manifests: Manifests, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the trained shop with three more val photos an item: enough for a judge."""
    path = tmp_path_factory.mktemp("judged") / "shop"
    shutil.copytree(trained / "shop", path)
    rows = ["item_id,image_path,split"]
    for number, (shape, colour) in enumerate((s, c) for s in SHAPES for c in COLOURS):
        for copy in range(3):
            name = f"images/val/{colour}-{shape}-{copy}.png"
            paint(manifests.folder / name, shape, COLOURS[colour], 5000 + 10 * number + copy)
            rows.append(f"{colour}-{shape},{name},val")
    more = manifests.folder / "more.csv"
    more.write_text("\n".join(rows))
    with Shop.open(path) as shop:
        import_manifest(shop, manifests.catalogue, photos=[more])
        build(shop)
    return path


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flat folder of six photos of nothing at all, and a file that is none."""
    folder = tmp_path_factory.mktemp("photos") / "noise"
    folder.mkdir()
    for seed in range(6):
        pixels = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{seed}.png")
    (folder / "broken.png").write_bytes(b"no photo")
    return folder


@pytest.fixture
def query(manifests: Manifests) -> Path:
    return manifests.folder / "images/test/red-box.png"


def test_search_and_classify_tell_a_photo_of_nothing_from_one_of_ours(
    judged: Path, noise: Path, query: Path
) -> None:
    for command in ("search", "classify"):
        ours, strange = answer(command, judged, query), answer(command, judged, noise / "0.png")
        assert ours["unknown"] is False
        assert strange["unknown"] is True
        assert 0 <= ours["unknown_score"] < UNKNOWN_FROM <= strange["unknown_score"] <= 1
        told = run(command, judged, noise / "0.png").output
        assert "shows nothing that this shop sells (unknown from 0.50 on, this is" in told
        assert "nothing that this shop sells" not in run(command, judged, query).output


def test_tags_of_a_folder_tell_what_is_unknown(judged: Path, noise: Path, tmp_path: Path) -> None:
    out = tmp_path / "tags.csv"
    answer("classify", judged, noise, "--out", out)
    header, *rows = (line.split(",") for line in out.read_text().splitlines())
    column = header.index("unknown")
    assert [row[column] for row in rows if "broken" not in row[0]] == ["true"] * 6


def test_the_share_of_false_rejects_is_kept(judged: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(judged, tmp_path / "shop"))
    first = answer("build", path)
    second = answer("build", path, "--false-rejects", 0.3)
    assert (first["published"], second["published"], second["embedded"]) == (False, True, 0)
    judges = [
        json.loads((path / "indexes" / one["version"] / "unknown.json").read_text())
        for one in (first, second)
    ]
    assert [judge["false_rejects"] for judge in judges] == [0.05, 0.3]
    assert judges[0]["val_photos"] == judges[1]["val_photos"] == 48
    assert first["judged_by"] == second["judged_by"] == 48
    assert "told, from 48 val photos" in run("build", path).output
    assert judges[1]["threshold"] < judges[0]["threshold"]
    assert not answer("build", path)["published"]
    for share in ("0", "0.51", "much"):
        assert "--false-rejects" in run("build", path, "--false-rejects", share, code=2).output


def test_evaluate_measures_a_folder_of_foreign_photos(
    judged: Path, noise: Path, manifests: Manifests
) -> None:
    arguments = ("evaluate", judged, manifests.queries, "--unknown", noise)
    document = answer(*arguments)
    (curve,) = document["unknown"]["curves"]
    assert (curve["name"], curve["photos"]) == ("noise", 6)
    assert curve["auroc"] == curve["rejected"] == 1
    assert curve["points"][0] == [0, 0]
    assert curve["points"][-1] == [1, 1]
    assert (document["unknown"]["own"], document["queries"]) == (12, 12)
    assert document["rejected"] == 1
    assert "broken.png" in document["rejects"][0]
    assert set(document["restricted"]) == {
        *("recall@1", "recall@5", "recall@10", "within", "widened", "rows")
    }
    assert [level["level"] for level in document["levels"]] == ["label", "level 2"]
    told = run(*arguments).output
    assert "called unknown" in told
    assert "noise" in told
    for level in document["levels"]:
        assert f"{level['ece']:.3f}" in told
        assert f"{level['ece_uncalibrated']:.3f}" in told
    assert "--restrict auto" in told
    assert f"{document['restricted']['within']:.3f}" in told
    alone = answer("evaluate", judged, manifests.queries)["unknown"]
    assert (alone["own"], alone["curves"]) == (12, [])


def test_evaluate_counts_foreign_photos_that_the_shop_knows(
    judged: Path, noise: Path, manifests: Manifests, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(noise, tmp_path / "toys"))
    shutil.copy(manifests.folder / "images/catalogue/red-box.png", folder / "ours.png")
    folders = ("--unknown", noise, "--unknown", folder)
    document = answer("evaluate", judged, manifests.queries, *folders)
    curves = document["unknown"]["curves"]
    assert [(curve["name"], curve["photos"]) for curve in curves] == [("noise", 6), ("toys", 6)]
    assert document["refused"] == 1
    (tmp_path / "empty").mkdir()
    refused = answer(
        "evaluate", judged, manifests.queries, "--unknown", tmp_path / "empty", code=1
    )["error"]
    assert "empty" in refused


def test_evaluate_says_so_where_nothing_judges(
    trained: Path, noise: Path, manifests: Manifests
) -> None:
    result = run("evaluate", trained / "shop", manifests.queries, "--unknown", noise, "--json")
    assert json.loads(result.stdout)["unknown"] is None
    assert "needs 20 val photos" in result.stderr
    silent = run("evaluate", trained / "shop", manifests.queries, "--json")
    assert "val photos" not in silent.stderr


def test_search_tells_where_it_has_looked(judged: Path, query: Path) -> None:
    plain = answer("search", judged, query, "--top-k", 3)
    assert plain["restricted"] is None
    document = answer("search", judged, query, "--top-k", 3, "--restrict", "auto")
    restricted = document["restricted"]
    assert set(restricted) == {"categories", "probability", "widened", "beyond"}
    assert 0.95 <= restricted["probability"] <= 1
    assert {hit["category"] for hit in document["hits"]} <= set(restricted["categories"])
    assert (restricted["widened"], restricted["beyond"]) == (None, 0)
    told = run("search", judged, query, "--top-k", 3, "--restrict", "auto").output
    assert f"Searched within {', '.join(restricted['categories'])}" in " ".join(told.split())
    asked = answer("search", judged, query, "--restrict", "auto", "--category", "Shapes/half")
    assert asked["restricted"] is None
    assert {hit["category"] for hit in asked["hits"]} == {"Shapes > half"}
    assert "auto" in run("search", judged, query, "--restrict", "yes", code=2).output


@pytest.mark.parametrize(
    ("restriction", "told"),
    [
        (None, ""),
        (
            Restriction((("Fruit", "Apple"), ("Milk",)), 0.974, None),
            "Searched within Fruit > Apple, Milk (97%).",
        ),
        (
            Restriction((("Milk",),), 0.99, None, beyond=7),
            "Searched within Milk (99%); the last 7 hits lie beyond.",
        ),
        (
            Restriction((("Milk",),), 1.0, None, beyond=1),
            "Searched within Milk (100%); the last hit lies beyond.",
        ),
        (
            Restriction((), 0.6, "the 5 likeliest categories are 60% probable together"),
            "Searched among all items: the 5 likeliest categories are 60% probable together.",
        ),
        (
            Restriction((("Odd [red]",),), 1.0, None),
            "Searched within Odd [red] (100%).",
        ),
    ],
)
def test_people_read_where_a_search_has_looked(restriction: Restriction | None, told: str) -> None:
    console = Console(width=120)
    with console.capture() as shown:
        for line in restricted_line(restriction):
            console.print(line)
    assert shown.get().strip() == told


@pytest.fixture
def judging(shop: Shop, embedder: TinyEmbedder, serve: Serve) -> TestClient:
    """The HTTP API on the painted shop, once it has enough val photos."""
    for seed in range(300, 330):
        add_further(shop, "knife", seed, "val")
    build(shop, embedder=embedder)
    return serve(shop.path)


def post(client: TestClient, route: str, **fields: str) -> dict[str, Any]:
    response = client.post(f"/v1/{route}", files={"photo": painted(77)}, data=fields)
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


def test_http_answers_tell_how_foreign_a_photo_looks(
    judging: TestClient, shop: Shop, embedder: TinyEmbedder
) -> None:
    expected = Searcher.open(shop, embedder=embedder).classify(painted(77))
    assert expected.unknown_score is not None
    for route in ("search", "classify"):
        document = post(judging, route)
        assert document["unknown_score"] == pytest.approx(expected.unknown_score, rel=1e-5)
        assert document["unknown"] is (document["unknown_score"] >= UNKNOWN_FROM)


def test_http_answers_of_a_shop_without_a_judge_tell_nothing(client: TestClient) -> None:
    document = post(client, "search")
    assert (document["unknown"], document["unknown_score"]) == (None, None)


def test_http_search_within_the_likely_categories(judging: TestClient) -> None:
    document = post(judging, "search", restrict="auto", top_k="2")
    restricted = document["restricted"]
    assert set(restricted) == {"categories", "probability", "widened", "beyond"}
    assert restricted["widened"] is None
    within = [hit["category"] in restricted["categories"] for hit in document["hits"]]
    assert sum(within) == 2 - restricted["beyond"]
    for fields in ({}, {"restrict": "off"}, {"restrict": "auto", "category": "Kitchen"}):
        assert post(judging, "search", **fields)["restricted"] is None


@pytest.mark.parametrize("value", ["maybe", "AUTO", "1"])
def test_http_refuses_another_way_to_restrict(client: TestClient, value: str) -> None:
    response = client.post("/v1/search", files={"photo": painted(77)}, data={"restrict": value})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == "/problems/invalid-request"
    assert [error["field"] for error in problem["errors"]] == ["restrict"]
    assert "'off' or 'auto'" in problem["detail"]


def test_the_documents_of_the_api_know_both(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert {"unknown", "unknown_score"} <= set(schemas["Prediction"]["properties"])
    assert "restricted" in schemas["SearchAnswer"]["properties"]
    assert "restricted" not in schemas["Prediction"]["properties"]
