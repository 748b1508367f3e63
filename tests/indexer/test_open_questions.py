"""What an audit found is kept until somebody decides."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.audit_file import KEPT_FILE
from indexer.open_questions import asked_photo, decide, keep_questions, open_questions
from tests.indexer.decided_shop import DecidedShop
from vsearch.errors import ManifestError, ShopError


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[DecidedShop]:
    """A shop with three open questions."""
    made = DecidedShop(tmp_path)
    with made.shop:
        rows = [
            made.row("d", "apple", "", suggested="pear"),
            made.row("f", "pear", "", suggested="apple"),
            made.row("g", "milk", "", suggested="apple"),
        ]
        keep_questions(made.shop, rows)
        yield made
        made.check()


def still_asked(shop: DecidedShop) -> list[str]:
    return [row.item_id for row in open_questions(shop.shop)]


def test_nothing_is_asked_before_the_first_audit(tmp_path: Path) -> None:
    made = DecidedShop(tmp_path)
    with made.shop:
        assert open_questions(made.shop) == []
        with pytest.raises(ShopError, match="run `vsearch audit`"):
            decide(made.shop, made.hash_of("d"), "apple", "accept")


def test_a_question_is_asked_until_it_is_decided(asked: DecidedShop) -> None:
    assert still_asked(asked) == ["apple", "pear", "milk"]
    assert decide(asked.shop, asked.hash_of("d"), "apple", "relabel").relabelled == 1
    assert asked.photos()["pear"] == ["b", "d", "f"]
    assert decide(asked.shop, asked.hash_of("f"), "pear", "accept").accepted == 1
    assert still_asked(asked) == ["milk"]
    with pytest.raises(ShopError, match="no question is open"):
        decide(asked.shop, asked.hash_of("f"), "pear", "drop")
    assert decide(asked.shop, asked.hash_of("g"), "milk", "drop").dropped == 1
    assert still_asked(asked) == []


def test_a_decision_that_cannot_be_taken_leaves_the_question_open(asked: DecidedShop) -> None:
    with pytest.raises(ShopError, match="umbrella"):
        decide(asked.shop, asked.hash_of("d"), "apple", "relabel", "umbrella")
    assert still_asked(asked) == ["apple", "pear", "milk"]
    assert decide(asked.shop, asked.hash_of("d"), "apple", "relabel", "milk").relabelled == 1
    assert "d" in asked.photos()["milk"]


def test_photos_that_are_gone_are_not_asked_about(asked: DecidedShop) -> None:
    asked.shop.delete(["pear"])
    assert still_asked(asked) == ["apple", "milk"]


def test_only_photos_that_are_asked_about_are_found(asked: DecidedShop) -> None:
    assert asked_photo(asked.shop, asked.hash_of("d")) == asked.root / "d.png"
    assert asked_photo(asked.shop, asked.hash_of("e")) is None
    decide(asked.shop, asked.hash_of("d"), "apple", "accept")
    assert asked_photo(asked.shop, asked.hash_of("d")) is None


def test_a_damaged_file_is_told(asked: DecidedShop) -> None:
    (asked.shop.path / KEPT_FILE).write_text("what,is\nthis,file\n")
    with pytest.raises(ManifestError, match=KEPT_FILE):
        open_questions(asked.shop)
