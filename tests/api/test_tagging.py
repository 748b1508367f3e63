"""What `classify` writes and shows for each kind of classification."""

import csv
from pathlib import Path

import pytest
from rich.console import Console

from api.cli.classify import tags_listing, tags_tables, write_tags
from api.tagging import Tagger
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
    paths = [tmp_path / f"{seed}.png" for seed in range(20)]
    for seed, path in enumerate(paths):
        path.write_bytes(painted(seed))
    return paths


def written(tagger: Tagger, photos: list[Path], out: Path) -> list[dict[str, str]]:
    write_tags(out, tagger(photos), tagger)
    with out.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def printed(*parts: object) -> str:
    console = Console(width=100, record=True)
    console.print(*parts)
    return console.export_text()


def test_several_labels_are_joined_and_none_is_none(photos: list[Path], tmp_path: Path) -> None:
    tag = tagger(LABELS, SEVERAL)
    rows = written(tag, photos, tmp_path / "tags.csv")
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
    alone = written(tagger(LABELS[:1], SEVERAL), photos, tmp_path / "alone.csv")
    assert {row["label"] for row in alone} == {"", LABELS[0].name}


def test_what_is_turned_away_is_unknown(photos: list[Path], tmp_path: Path) -> None:
    tag = tagger(SOLD, OWN_OR_FOREIGN)
    rows = written(tag, photos, tmp_path / "tags.csv")
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
        assert ("nothing of the kind" in printed(*tags_tables(tags))) == tags.shown.unknown
    listed = printed(tags_listing(own, tmp_path))
    assert listed.count("yes") == sum(bool(tags.shown.unknown) for tags in own)
