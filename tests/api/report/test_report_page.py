"""The report as a page: whole, closed to the outside, safe, small, readable for everybody."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from importlib import resources

import numpy as np
import pytest
from PIL import Image

from api.report import (
    Audit,
    DoubtfulPhoto,
    Explanation,
    NearDuplicate,
    OddPhoto,
    embedding_map,
    report_page,
)
from indexer.evaluate import Evaluation, measure
from indexer.shop import Shop
from tests.api.report.conftest import HOSTILE, PATHS, PRODUCTS, Ask
from tests.api.report.page_reader import Page
from tests.indexer.query_photos import blurred, write_queries
from tests.indexer.tiny_shop import (
    OWN_OR_FOREIGN,
    SEVERAL,
    YES_OR_NO,
    TinyEmbedder,
    TinyKind,
)
from vsearch.data import Label
from vsearch.taxonomy import format_path

ALWAYS = ["summary", "views", "labels", "confused", "hits", "honesty", "map", "queries", "figures"]


def sections(page: Page) -> list[str]:
    return [told["id"] for told in page.all("section") if told["id"]]


def table(page: str, name: str) -> dict[str, object]:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page)
    assert found is not None
    told: dict[str, object] = json.loads(found[1])
    return told


def test_the_page_holds_its_sections_and_leads_to_each(evaluation: Evaluation) -> None:
    page = Page(report_page(evaluation))
    assert [name for name in sections(page) if name in ALWAYS] == ALWAYS
    targets = [told["href"] for told in page.all("a")]
    assert {f"#{name}" for name in sections(page)} <= set(targets)
    ids = page.ids()
    assert len(ids) == len(set(ids))
    assert {str(target)[1:] for target in targets} <= set(ids)
    assert "36 photos" in page.text


def test_nothing_comes_from_outside_and_only_our_script_runs(evaluation: Evaluation) -> None:
    page = Page(report_page(evaluation))
    assert not page.all("link")
    for tag, told in page.elements:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            value = told.get(name)
            assert value is None or value.startswith(("data:image/", "#")), (tag, name, value)
        assert not [name for name in told if name.startswith("on")]
    addresses = re.findall(r"url\(([^)]*)\)", " ".join(page.styles))
    assert addresses
    assert all(address.startswith("data:image/webp;base64,") for address in addresses)
    assert "@import" not in " ".join(page.styles)
    policy = next(
        told["content"]
        for told in page.all("meta")
        if told.get("http-equiv") == "Content-Security-Policy"
    )
    [script] = [text for text in page.scripts if not text.startswith(("{", "["))]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{digest}'" in policy


def test_a_hostile_title_stays_text(evaluation: Evaluation) -> None:
    text = report_page(evaluation)
    page = Page(text)
    assert f"The {HOSTILE}" in page.text  # as words
    assert [told.get("id") for told in page.all("img")] == ["map-sheet"]
    assert not any("alert" in script for script in page.scripts if not script.startswith("{"))
    assert "<b>Milk</b>" not in text
    titles = table(text, "table-labels")["names"]
    assert isinstance(titles, list)
    assert f"The {HOSTILE}" in titles


def test_everything_seen_is_told_to_those_who_cannot_see_it(evaluation: Evaluation) -> None:
    page = Page(report_page(evaluation))
    assert page.all("html")[0]["lang"] == "en"
    pictures = [told for _, told in page.elements if told.get("role") == "img"]
    assert len(pictures) > 40
    assert all(told.get("aria-label") for told in pictures)
    assert all("alt" in told for told in page.all("img"))
    assert all(told.get("aria-label") or "#" in str(told) for told in page.all("nav"))
    scrolled = [told for _, told in page.elements if told.get("class") in ("scroll", "hits")]
    assert all(told.get("tabindex") == "0" and told.get("aria-label") for told in scrolled)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [":root {", ':root[data-theme="dark"] {'])
def test_words_and_marks_stand_out_by_day_and_by_night(theme: str) -> None:
    style = resources.files("api.report").joinpath("style.css").read_text()
    rules = style.partition(theme)[2].partition("}")[0]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", rules))
    for ground in ("paper", "card"):
        for words in ("ink", "muted", "accent", "good", "bad"):
            assert contrast(colours[words], colours[ground]) >= 4.5, (words, ground)
        for marks in ("mid", "second", "before", *(f"c{i}" for i in range(5))):
            assert contrast(colours[marks], colours[ground]) >= 3, (marks, ground)


def test_the_same_evaluation_makes_the_same_page(evaluation: Evaluation) -> None:
    made = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    page = report_page(evaluation, made=made)
    assert "02 January 2026, 03:04 UTC" in page
    assert report_page(evaluation, made=made) == page


CATEGORIES = tuple(Label(format_path(path), path) for path in PATHS)
COLOURS = (
    *(Label(f"category: {format_path(path)}", path) for path in PATHS),
    *(Label(f"colour: {name}", (), "colour") for name in ("blue", "red")),
)


@pytest.mark.parametrize(
    ("kind", "labels", "columns", "has", "lacks"),
    [
        (None, CATEGORIES, ("category",), {"labels", "confused", "honesty"}, set()),
        (YES_OR_NO, CATEGORIES[:2], ("category",), {"labels", "confused"}, set()),
        (SEVERAL, COLOURS, ("category", "colour"), {"labels", "confused"}, set()),
        (OWN_OR_FOREIGN, CATEGORIES[:1], (), {"hits", "queries"}, {"labels"}),
    ],
)
def test_every_kind_of_classification_has_a_page(
    ask: Ask,
    kind: TinyKind | None,
    labels: tuple[Label, ...],
    columns: tuple[str, ...],
    has: set[str],
    lacks: set[str],
) -> None:
    page = Page(report_page(ask(kind, labels, columns, foreign=3)))
    found = set(sections(page))
    assert has <= found
    assert not lacks & found


def test_queries_that_are_all_foreign_make_a_page_too(ask: Ask, shop: Shop) -> None:
    ask()  # builds the shop
    photos = {"toy.png": blurred(9000, 1)}
    rows = [{"image_path": "toy.png", "category": "Toys"}]
    queries = write_queries(shop.path.parent / "toys", rows, photos)
    embedder = TinyEmbedder(PRODUCTS, label_columns=("item_id",))
    page = Page(report_page(measure(shop, queries, embedder=embedder)))
    assert "not sold here" in page.text
    assert "hits" not in sections(page)


def test_a_photo_that_is_gone_leaves_a_mark_in_its_place(evaluation: Evaluation) -> None:
    evaluation.queries[0].path.unlink()
    assert "aria-label" in report_page(evaluation)


def test_an_audit_and_explanations_have_sections_of_their_own(evaluation: Evaluation) -> None:
    path = evaluation.queries[0].path
    audit = Audit(
        (DoubtfulPhoto(path, "item-0", "item-0", HOSTILE, 0.9),),
        (NearDuplicate(path, "item-0", evaluation.queries[1].path, "item-1", 0.99),),
        (OddPhoto(path, "item-0", "much darker than the others"),),
    )
    picture = Image.new("RGB", (900, 300), "#aa5500")
    why = [Explanation(f"{HOSTILE} taken for a pear", picture, picture, picture)]
    text = report_page(evaluation, audit=audit, explanations=why)
    page = Page(text)
    assert {"audit", "why"} <= set(sections(page))
    for name in ("doubtful", "duplicates", "odd"):
        assert len(table(text, f"table-{name}")["rows"]) == 1  # type: ignore[arg-type]
    shown = [told for told in page.all("img") if told.get("id") != "map-sheet"]
    assert [told["width"] for told in shown] == ["320"] * 3
    assert HOSTILE in str(shown[0]["alt"])
    assert not {"audit", "why"} & set(sections(Page(report_page(evaluation))))


def test_ten_thousand_queries_make_a_small_page(
    evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding_map, "_neighbours", lambda vectors, start, seed: start)
    copies = np.resize(np.arange(len(evaluation.queries)), 10_000)
    places = copies.tolist()
    many = replace(
        evaluation,
        queries=[evaluation.queries[i] for i in places],
        known=[evaluation.known[i] for i in places],
        answers=evaluation.answers.of_rows(copies),
    )
    page = report_page(many)
    sheets = sum(len(uri) for uri in re.findall(r"data:image/webp;base64,[^)\"]*", page))
    # Words and tables: 0.7 MB. Photos do not grow with the queries: 1.3 MB in a real shop.
    assert len(page) - sheets < 1_000_000
    assert len(table(page, "table-queries")["rows"]) == 10_000  # type: ignore[arg-type]
    assert len(table(page, "map-data")["x"]) == embedding_map.QUERIES + len(PRODUCTS)  # type: ignore[arg-type]
    elements = len(Page(page).elements)
    assert elements < 3000  # rows are drawn when they come into view
