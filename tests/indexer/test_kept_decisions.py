"""An import of an unchanged manifest undoes no decision; a changed one wins over it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.importing import import_manifest
from tests.indexer.decided_shop import CATALOGUE, FURTHER, DecidedShop

CATEGORY = {"column": "category", "label": "Fruit > Apple"}


@pytest.fixture
def decided(tmp_path: Path) -> Iterator[DecidedShop]:
    made = DecidedShop(tmp_path)
    with made.shop:
        yield made
        made.check()


def take_again(decided: DecidedShop) -> int:
    """Import the same manifests; nothing may change. Return how much was kept as decided."""
    before = decided.state()
    report = decided.take()
    assert decided.state() == before
    assert (report.added, report.changed, report.photos_added) == (0, 0, 0)
    assert report.forgotten == report.rejects == []
    return report.kept_decisions


def stands(decided: DecidedShop) -> dict[str, set[str]]:
    return {item_id: set(names) for item_id, names in decided.photos().items()}


def test_nothing_is_kept_where_nothing_was_decided(decided: DecidedShop) -> None:
    assert take_again(decided) == 0
    decided.decide(decided.row("d", "apple", "accept"))
    assert take_again(decided) == 0


@pytest.mark.parametrize("name", ["d", "a"])  # a further photo, a catalogue photo
def test_a_moved_photo_stays_where_it_was_moved_to(decided: DecidedShop, name: str) -> None:
    decided.decide(decided.row(name, "apple", "relabel", new_label="pear"))
    assert name in decided.photos()["pear"]
    assert take_again(decided) == 1
    assert take_again(decided) == 1


@pytest.mark.parametrize("name", ["d", "h"])
def test_a_dropped_photo_stays_away(decided: DecidedShop, name: str) -> None:
    decided.decide(decided.row(name, "apple", "drop"))
    assert take_again(decided) == 1
    assert name not in decided.photos()["apple"]


@pytest.mark.parametrize("name", ["d", "a"])
def test_a_wandering_photo_stays_where_it_came_to_last(decided: DecidedShop, name: str) -> None:
    decided.decide(decided.row(name, "apple", "relabel", new_label="pear"))
    decided.decide(decided.row(name, "pear", "relabel", new_label="milk"))
    assert take_again(decided) == 1
    assert name in decided.photos()["milk"]
    decided.decide(decided.row(name, "milk", "drop"))
    assert take_again(decided) == 1
    assert not any(name in names for names in decided.photos().values())


def test_values_stay_as_decided(decided: DecidedShop) -> None:
    decided.decide(
        decided.row("a", "apple", "relabel", **CATEGORY, new_label="Dairy > Milk"),
        decided.row("a", "apple", "relabel", column="colour", label="red", new_label="white"),
    )
    assert take_again(decided) == 2
    apple = decided.item("apple")
    assert (apple.category, apple.attributes) == (("Dairy", "Milk"), {"colour": "white"})
    # Decided once more, by another photo: the manifest is still held to what it said at first.
    decided.decide(
        decided.row(
            "d", "apple", "relabel", column="category", label="Dairy > Milk", new_label="Pear"
        )
    )
    assert take_again(decided) == 2
    assert decided.item("apple").category == ("Fruit", "Pear")


def test_a_changed_manifest_wins_and_the_decision_is_forgotten(decided: DecidedShop) -> None:
    decided.decide(
        decided.row("a", "apple", "relabel", **CATEGORY, new_label="Dairy > Milk"),
        decided.row("a", "apple", "relabel", column="colour", label="red", new_label="white"),
    )
    changed = ("apple,a.png,Fruit > Cider,red,h.png", *CATALOGUE[1:])
    report = decided.take(changed)
    assert decided.item("apple").category == ("Fruit", "Cider")
    assert decided.item("apple").attributes == {"colour": "white"}
    assert report.kept_decisions == 1
    (told,) = report.forgotten
    assert (told.row, told.item_id, told.field) == (2, "apple", "category")
    assert told.reason == (
        "the manifest says “Fruit > Cider” now, no longer “Fruit > Apple”: it wins, and what was "
        "decided (“Dairy > Milk”) is forgotten"
    )
    # From then on the manifest is free to say what it said before.
    assert decided.take().forgotten == []
    assert decided.item("apple").category == ("Fruit", "Apple")


def test_a_catalogue_photo_that_is_no_longer_listed_is_forgotten(decided: DecidedShop) -> None:
    decided.decide(decided.row("a", "apple", "relabel", new_label="pear"))
    mended = ("apple,h.png,Fruit > Apple,red,", "pear,b.png,Fruit > Pear,green,a.png", CATALOGUE[2])
    report = decided.take(mended)
    (told,) = report.forgotten
    assert (told.item_id, told.value) == ("apple", decided.hash_of("a"))
    assert "no longer lists this photo" in told.reason
    assert decided.photos()["pear"] == ["b", "a", "f"]
    assert decided.shop.catalogue.decisions() == []
    assert decided.take().kept_decisions == 0
    assert decided.photos()["apple"] == ["a", "h", "d", "e"]
    assert decided.photos()["pear"] == ["b", "f"]


def test_a_further_photo_that_comes_in_with_a_third_item_goes_there(decided: DecidedShop) -> None:
    decided.decide(decided.row("d", "apple", "relabel", new_label="pear"))
    report = decided.take(further=("milk,d.png,train", *FURTHER[1:]))
    (told,) = report.forgotten
    assert (told.row, told.item_id) == (2, "milk")
    assert "lists this photo with item “milk” now" in told.reason
    where = [item_id for item_id, names in decided.photos().items() if "d" in names]
    assert where == ["milk"]
    again = decided.take(further=("milk,d.png,train", *FURTHER[1:]))
    assert (again.forgotten, again.photos_added) == ([], 0)


def test_a_manifest_that_was_mended_agrees_with_the_decision(decided: DecidedShop) -> None:
    decided.decide(decided.row("d", "apple", "relabel", new_label="pear"))
    report = decided.take(further=("pear,d.png,train", *FURTHER[1:]))
    assert (report.forgotten, report.photos_added) == ([], 0)
    assert decided.photos()["pear"] == ["b", "d", "f"]


def test_a_moved_photo_keeps_its_split(decided: DecidedShop) -> None:
    decided.decide(decided.row("d", "apple", "relabel", new_label="pear"))
    (told,) = decided.take(further=("apple,d.png,test", *FURTHER[1:])).rejects
    assert "train photo of item “pear” and cannot also be a test photo" in told.reason
    assert list(decided.shop.catalogue.photos(splits=["test"])) == []


def test_an_item_whose_only_listed_photo_was_dropped_stays_as_it_was(decided: DecidedShop) -> None:
    decided.decide(decided.row("a", "apple", "drop"))
    report = decided.take(("apple,a.png,Fruit > Apple,red,", *CATALOGUE[1:]))
    (told,) = report.rejects
    assert (told.row, told.item_id) == (2, "apple")
    assert "were dropped, or moved to other items" in told.reason
    assert told.reason.endswith("; the item stays as it was")
    assert decided.photos()["apple"] == ["h", "d", "e"]


def test_wider_types_do_not_hide_a_decision(decided: DecidedShop) -> None:
    header = "id,image_path,category,size"
    path = decided.root / "typed.csv"

    def take(*rows: str) -> int:
        path.write_text("\n".join([header, *rows]))
        return import_manifest(decided.shop, path).kept_decisions

    take("1,i.png,X,5", "2,j.png,X,6")
    decided.decide(decided.row("i", "1", "relabel", column="size", label="5", new_label="6"))
    assert take("1,i.png,X,5", "2,j.png,X,6.5") == 1
    assert decided.item("1").attributes == {"size": 6.0}


STEPS = st.lists(
    st.tuples(
        st.sampled_from("abdefgh"),
        st.sampled_from(["apple", "pear", "milk"]),
        st.sampled_from(["accept", "drop", "apple", "pear", "milk"]),
    ),
    max_size=6,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_whatever_is_decided_survives_two_imports(steps: list[tuple[str, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        decided = DecidedShop(Path(folder))
        with decided.shop:
            for name, item_id, wish in steps:
                verdict = wish if wish in {"accept", "drop"} else "relabel"
                row = decided.row(name, item_id, verdict, new_label=wish)
                first = decided.decide(row)
                before = decided.state()
                assert decided.decide(row).refused == ([] if not first.refused else first.refused)
                assert decided.state() == before
                # A photo that came home takes the place that its manifest gives it, once.
                held = stands(decided), decided.shop.catalogue.decisions()
                assert decided.take().forgotten == []
                assert (stands(decided), decided.shop.catalogue.decisions()) == held
                take_again(decided)
            decided.check()
