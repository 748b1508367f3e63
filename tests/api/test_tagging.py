"""What `classify` writes and shows for each kind of classification."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from api.bulk_tagging import tag_folder
from api.cli.classify import tags_listing, tags_tables
from api.tagging import Tagger, Unreadable, photos_in, walk
from indexer.embedding import BULK
from tests.indexer.tiny_shop import OWN_OR_FOREIGN, SEVERAL, TinyEmbedder, TinyKind, painted
from vsearch.data import Label

LABELS = [
    Label("category: Fruit > Apple", ("Fruit", "Apple")),
    Label("category: Fruit > Pear", ("Fruit", "Pear")),
    Label("colour: red", (), "colour"),
    Label("colour: green", (), "colour"),
]
SOLD = [Label("sold here", (), "")]


def tagger(labels: list[Label], kind: TinyKind) -> Tagger:
    return Tagger(TinyEmbedder(labels, objective=kind), 10**6, 10**6)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    (tmp_path / "photos").mkdir()
    paths = [tmp_path / "photos" / f"{seed:02}.png" for seed in range(20)]
    for seed, path in enumerate(paths):
        path.write_bytes(painted(seed))
    return paths


def written(tagger: Tagger, out: Path) -> list[dict[str, str]]:
    tag_folder(tagger, out.parent / "photos", out)
    with out.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def printed(*parts: object) -> str:
    console = Console(width=100, record=True)
    console.print(*parts)
    return console.export_text()


def test_several_labels_are_joined_and_none_is_none(photos: list[Path], tmp_path: Path) -> None:
    tag = tagger(LABELS, SEVERAL)
    rows = written(tag, tmp_path / "tags.csv")
    for row, tags in zip(rows, tag(photos), strict=True):
        given = [label.name for label in tags.shown.labels if label.assigned]
        assert row["label"] == " | ".join(given)
        best = max(tags.shown.labels, key=lambda label: label.probability)
        assert float(row["probability"]) == pytest.approx(best.probability, abs=1e-6)
        # The category is that of the best label that has one, whatever colours come before it.
        places = [label for label in tags.shown.labels if label.path]
        assert row["category"] == " > ".join(places[0].path)
        assert row["unknown"] == ""
    assert {row["label"].count(" | ") for row in rows} > {0, 1}
    alone = written(tagger(LABELS[:1], SEVERAL), tmp_path / "alone.csv")
    assert {row["label"] for row in alone} == {"", LABELS[0].name}


def test_what_is_turned_away_is_unknown(photos: list[Path], tmp_path: Path) -> None:
    tag = tagger(SOLD, OWN_OR_FOREIGN)
    rows = written(tag, tmp_path / "tags.csv")
    assert {row["unknown"] for row in rows} == {"true", "false"}
    for row in rows:
        assert (row["label"], row["category"]) == ("sold here", "")
        assert (row["unknown"] == "true") == (float(row["probability"]) < 0.5)


def test_people_see_what_is_given(photos: list[Path], tmp_path: Path) -> None:
    for tags in tagger(LABELS, SEVERAL)(photos):
        shown = printed(*tags_tables(tags))
        assert shown.count("✓") == sum(label.assigned for label in tags.shown.labels)
        assert "Fruit > " in shown
    own = list(tagger(SOLD, OWN_OR_FOREIGN)(photos))
    for tags in own:
        assert ("nothing that this shop sells" in printed(*tags_tables(tags))) == tags.shown.unknown
    listed = printed(tags_listing(own, tmp_path / "photos"))
    assert listed.count("yes") == sum(bool(tags.shown.unknown) for tags in own)


def test_a_walk_is_in_order_and_passes_nothing_over(tmp_path: Path) -> None:
    for name in (
        "b/2.png",
        "b/1.png",
        "a.png",
        "c.png",
        ".hidden/x.png",
        "b/.x.png",
        "sorted/y.png",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "gone.png").symlink_to("nowhere")
    (tmp_path / "again").symlink_to("b")  # a link to a folder could lead round in circles
    expected = [tmp_path / name for name in ("a.png", "b/1.png", "b/2.png", "c.png", "gone.png")]
    assert list(walk(tmp_path, {str((tmp_path / "sorted").resolve())})) == expected
    assert photos_in(tmp_path) == [*expected, tmp_path / "sorted/y.png"]
    assert list(walk(tmp_path / "a.png")) == [tmp_path / "a.png"]
    # Files are taken away while the walk goes on.
    walking = walk(tmp_path)
    (next(walking)).unlink()
    assert next(walking) == tmp_path / "b/1.png"


def test_photos_are_taken_as_they_are_needed(tmp_path: Path) -> None:
    """Whatever comes in, photos or not, only a few batches are ever ahead of the answers."""
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    good.write_bytes(painted(1))
    bad.write_text("no photo")
    taken, answered, most = 0, 0, 0

    def endless() -> Iterator[Path]:
        nonlocal taken
        while True:
            taken += 1
            # Long stretches of either kind: files that are no photos must not pile up.
            yield good if taken // 50 % 2 else bad

    batches = tagger(LABELS, SEVERAL).batches(endless())
    while answered < 400:
        batch = next(batches)
        assert len(batch) == BULK
        answered += len(batch)
        most = max(most, taken - answered)
        assert [one.photo for one in batch] == [
            bad if isinstance(one, Unreadable) else good for one in batch
        ]
    batches.close()
    assert most <= 3 * BULK
