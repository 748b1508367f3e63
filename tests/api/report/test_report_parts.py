"""The rules behind the report's parts: what is drawn, what is shown, where it lies."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from api.report import Audit
from api.report.charts import Axis, Plot, round_ticks, shares
from api.report.confusions import confusions
from api.report.embedding_map import GROUPS, OTHERS, grouped, layout
from api.report.few_photos import few_photos_section
from api.report.markup import Markup, data, join, tag
from api.report.strips import SHOWN, chosen, drawn_from
from api.report.study import Outcome
from api.report.thumbnails import Gallery
from api.report.wording import percent
from indexer.audit_report import AuditReport, DoubtfulLabel
from indexer.near_duplicates import DuplicateGroup, SharedPhoto
from indexer.odd_photos import OddPhoto as FoundOdd
from indexer.records import Item, Photo
from indexer.search import SearchHit
from indexer.shots import Shots
from tests.api.report.page_reader import Page
from vsearch.images import ImageError, ImageProblem

ITEM = Item(1, "a", "A", ("B",), 1, (), None, {}, "ok", None)


def outcome(
    number: int, label: str, guess: str, *, rank: int | None = 1, sure: float = 0.5
) -> Outcome:
    hits = (SearchHit(ITEM, 0.5, 1),)
    return Outcome(
        number,
        Path(f"{number}.jpg"),
        label,
        label,
        guess,
        sure,
        label == guess,
        rank,
        hits,
        (True,),
    )


def test_what_is_not_markup_is_escaped() -> None:
    assert tag("p", "<b>", class_="a", title='"') == '<p class="a" title="&quot;">&lt;b&gt;</p>'
    assert tag("p", tag("b", "x"), [1, None, "&"]) == "<p><b>x</b>1&amp;</p>"
    assert tag("input", hidden=True, disabled=False, aria_label="a") == (
        '<input hidden aria-label="a">'
    )
    assert isinstance(join("a", Markup("<i>")), Markup)


def test_data_cannot_end_its_element() -> None:
    told = data("x", ["</script><script>", "\u2028"])
    assert told.count("</script>") == 1
    assert "\\u003c/script>" in told
    assert "\u2028" not in told


def test_a_share_is_never_broken_between_two_lines() -> None:
    assert percent(0.9724) == "97.2\N{NO-BREAK SPACE}%"
    assert percent(None) == "–"


@pytest.mark.parametrize(
    ("last", "ticks"),
    [
        (2000, [0, 500, 1000, 1500, 2000]),
        (516, [0, 200, 400]),
        (0.28, [0, 0.1, 0.2]),
        (1, [0, 0.2]),
    ],
)
def test_ticks_are_round(last: float, ticks: list[float]) -> None:
    assert round_ticks(last)[: len(ticks)] == pytest.approx(ticks)
    assert len(round_ticks(last)) <= 6
    assert round_ticks(last)[-1] <= last * (1 + 1e-9)


def test_a_plot_places_points_between_its_axes_and_never_beyond() -> None:
    plot = Plot(shares("x"), Axis(0, 10, (0, 10), "y"), 320, 280)
    left, bottom = plot.at((0, 0))
    right, top = plot.at((1, 10))
    assert 0 < left < right < 320
    assert 0 < top < bottom < 280
    assert plot.at((0.5, 5)) == ((left + right) / 2, (top + bottom) / 2)
    assert plot.at((7, -3)) == (right, bottom)
    plot.dot((0.5, 5), "after", title="<half>")
    assert "&lt;half&gt;" in plot.svg("a title")


def curve_of(numbers: list[int | None], others: float | None = 0.9) -> list[dict[str, object]]:
    """Return a curve that rises from .4 to .8, with a spread of .1 to either side."""
    rises = np.linspace(0.4, 0.8, len(numbers)).tolist()
    return [
        Shots(number, 1 if number is None else 5, at, at - 0.1, at + 0.1, others, at).to_json()
        for number, at in zip(numbers, rises, strict=True)
    ]


def test_the_curve_of_few_photos_has_a_band_and_says_its_figures() -> None:
    page = Page(str(few_photos_section(curve_of([1, 3, 10, None]))))
    paths = {str(told["class"]): str(told["d"]) for told in page.all("path")}
    assert set(paths) == {"range c0", "line c0", "line c1"}
    # There and back over three numbers of photos; the line goes on to all photos.
    assert paths["range c0"].count("L") == 5
    assert paths["line c0"].count("L") == 3
    (drawing,) = page.all("svg")
    assert "1 photo each 40.0\N{NO-BREAK SPACE}%" in str(drawing["aria-label"])
    assert "drawn 5 times" in page.text
    assert "30.0\N{NO-BREAK SPACE}% to 50.0" in page.text


def test_ticks_of_numbers_of_photos_do_not_lie_upon_one_another() -> None:
    page = Page(str(few_photos_section(curve_of([1, *range(50, 101), None]))))
    upright = [float(str(t["x1"])) for t in page.all("line") if t["x1"] == t["x2"]]
    assert np.diff(np.sort(upright)).min() > 20
    assert len(upright) > 2


def test_a_curve_without_other_labels_or_with_one_number_is_drawn() -> None:
    page = Page(str(few_photos_section(curve_of([5, None], others=None))))
    assert [told["class"] for told in page.all("path")] == ["range c0", "line c0"]
    assert "all other labels" not in page.text
    assert few_photos_section([]) is None


def test_queries_are_drawn_by_turns_and_the_same_again() -> None:
    asked = [outcome(i, "rare" if i == 17 else f"label {i % 3}", "x") for i in range(60)]
    drawn = drawn_from(asked, 4, seed=0)
    assert len({one.label for one in drawn}) == 4
    assert drawn == drawn_from(asked, 4, seed=0)
    assert drawn != drawn_from(asked, 4, seed=1)
    assert len(drawn_from(asked, 100, seed=0)) == 60


def test_the_surest_miss_of_each_label_is_shown_and_none_twice() -> None:
    wrong = [outcome(i, f"l{i % 3}", "x", rank=2, sure=i / 100) for i in range(30)]
    right = [outcome(100 + i, "x", "x") for i in range(9)]
    shown = chosen([*wrong, *right])
    assert [one.number for one in shown["sure"]][:3] == [29, 28, 27]
    assert not {one.number for one in shown["sure"]} & {one.number for one in shown["wrong"]}
    assert all(one.found for one in shown["right"])
    assert [len(shown[kind]) for kind in SHOWN] == list(SHOWN.values())


def test_pairs_are_counted_both_ways_and_the_most_frequent_comes_first() -> None:
    told = [("a", "b"), ("c", "d"), ("b", "a"), ("b", "a"), ("d", "e")]
    found = confusions((t, g, outcome(i, t, g)) for i, (t, g) in enumerate(told))
    first = found[0]
    assert (first.first, first.second, first.times) == ("b", "a", 3)
    assert [one.number for one in first.as_first] == [0]
    assert [pair.times for pair in found] == [3, 1, 1]
    assert (found[1].first, found[1].second) == ("c", "d")


def test_the_map_keeps_neighbours_together_and_is_the_same_again() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 16))
    vectors = np.repeat(centres, 25, axis=0) + rng.normal(scale=0.05, size=(75, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    places = layout(vectors)
    assert places.min() == 0
    assert places.max() == 1
    groups = places.reshape(3, 25, 2)
    middles = groups.mean(axis=1)
    within = np.linalg.norm(groups - middles[:, None], axis=2).max()
    between = min(np.linalg.norm(middles[a] - middles[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert between > 2 * within
    assert np.array_equal(layout(vectors), places)


@pytest.mark.parametrize("count", [1, 2, 3, 49])
def test_few_photos_are_projected(count: int) -> None:
    vectors = np.eye(count, 8, dtype=np.float32)
    places = layout(vectors)
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()


def test_colours_stand_for_the_first_level_that_tells_anything_apart() -> None:
    names, groups = grouped([("Food", "Fruit", "Apple"), ("Food", "Dairy"), ("Food", "Fruit")])
    assert names == ["Dairy", "Fruit"]
    assert groups == [1, 0, 1]
    many = [(f"c{i:02}",) for i in range(12) for _ in range(i + 1)]
    names, groups = grouped(many)
    assert len(names) == GROUPS
    assert names[-1] == OTHERS
    assert groups[-1] < GROUPS - 1  # the largest has a colour of its own
    assert groups[0] == GROUPS - 1


def colour(red: int) -> Image.Image:
    return Image.new("RGB", (200, 100), (red, 0, 0))


def test_a_photo_lies_in_its_sheet_once_and_where_its_number_says() -> None:
    gallery = Gallery("g", 40, columns=2)
    for number in range(3):
        assert gallery.place(number, lambda: colour(80)) == number
    assert gallery.place(1, lambda: colour(80)) == 1
    shown = gallery.show(2, lambda: colour(80), "a <photo>")
    assert 'style="--x:0;--y:1"' in shown
    assert 'aria-label="a &lt;photo&gt;"' in shown
    [sheet] = gallery.sheets()
    assert sheet.startswith("data:image/webp;base64,")
    assert f"url({sheet})" in gallery.style([sheet])


def test_sheets_are_as_large_as_browsers_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.report.thumbnails.ROWS", 2)
    gallery = Gallery("g", 16, columns=2)
    for number in range(5):
        shown = gallery.show(number, lambda: colour(9), "x")
    assert 'class="shot g1"' in shown
    assert len(gallery.sheets()) == 2


def test_photos_are_read_once_and_those_that_cannot_be_are_crossed_out() -> None:
    def broken() -> Image.Image:
        raise ImageError(ImageProblem.MISSING, "gone")

    told: list[tuple[str, int, int]] = []
    gallery = Gallery("g", 40)
    gallery.place("a", broken)
    gallery.place("b", lambda: colour(200))
    assert len(gallery.sheets(lambda *call: told.append(call), "photos")) == 1
    assert told == [("photos", 0, 2), ("photos", 1, 2), ("photos", 2, 2)]


def test_an_audit_is_shown_without_what_variants_share() -> None:
    def photo(name: str) -> Photo:
        return Photo(1, 1, name, Path(name), "further", "train", 0, 8, 8)

    one, other = ITEM, replace(ITEM, item_id="b", title="B")
    shared = tuple(SharedPhoto(item, photo(item.item_id)) for item in (one, other, one))
    found = AuditReport(
        model="m",
        label_columns=("item_id",),
        features=None,
        refused=None,
        labels=(
            DoubtfulLabel(one, photo("x"), "item_id", "a", "b", 0.9, True, False),
            DoubtfulLabel(one, photo("y"), "item_id", "a", "b", 0.1, False, False),
        ),
        not_judged=0,
        settled=0,
        duplicates=(
            DuplicateGroup(shared, variants=False, same_bytes=False, alike=None),
            DuplicateGroup(shared[:2], variants=False, same_bytes=True, alike=0.7),
            DuplicateGroup(shared[:2], variants=True, same_bytes=True, alike=1.0),
        ),
        odd=(FoundOdd(one, photo("z"), other, photo("w"), 0.25, 0.75),),
        views=3,
    )
    audit = Audit.of(found)
    assert [(row.path.name, row.suggested) for row in audit.doubtful] == [("x", "b")]
    assert [(row.first_item, row.second_item, row.alike) for row in audit.duplicates] == [
        ("a", "b", None),
        ("b", "a", None),
        ("a", "b", 1.0),
    ]
    assert "nearer to B (0.75)" in audit.odd[0].reason
