"""What is kept of items in memory is what the catalogue says."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from indexer.kept_items import KeptItems
from indexer.records import Item
from indexer.shop import Shop
from tests.indexer.tiny_shop import item_row, make_shop, painted
from vsearch.images import content_hash

FRUIT = ("Fruit",)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with make_shop(tmp_path, {"apple": (FRUIT, [1, 2]), "pear": (FRUIT, [3])}) as opened:
        yield opened


@pytest.fixture
def keys(shop: Shop) -> dict[str, int]:
    return shop.catalogue.item_keys(["apple", "pear"])


def test_all_kinds_are_told_and_keys_of_nothing_are_absent(
    shop: Shop, keys: dict[str, int]
) -> None:
    wanted = [*keys.values(), 999]
    photos = [photo.key for key in keys.values() for photo in shop.catalogue.photos_of(key)]
    for _ in range(2):  # read, then kept
        assert shop.kept.items(wanted) == shop.catalogue.get_many(wanted)
        assert shop.kept.shown_hashes(wanted) == shop.catalogue.shown_hashes(wanted)
        assert shop.kept.photos([*photos, 999]) == shop.catalogue.photos_by_key(photos)


def test_what_is_known_is_not_read_again(
    shop: Shop, keys: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    get_many = shop.catalogue.get_many

    def counted(new: Sequence[int]) -> dict[int, Item]:
        read.extend(new)
        return get_many(new)

    monkeypatch.setattr(shop.catalogue, "get_many", counted)
    kept = KeptItems(shop.catalogue)
    kept.items([keys["apple"]])
    kept.items([keys["apple"], keys["pear"], 999])
    kept.items([999])
    assert read == [keys["apple"], keys["pear"], 999]


def test_a_change_is_seen_at_once(shop: Shop, keys: dict[str, int], tmp_path: Path) -> None:
    assert shop.kept.shown_hashes([keys["pear"]])[keys["pear"]] == [content_hash(painted(3))]
    shop.catalogue.upsert_items([item_row(tmp_path, "pear", FRUIT, [4])])
    assert shop.kept.shown_hashes([keys["pear"]])[keys["pear"]] == [content_hash(painted(4))]
    for photo in shop.catalogue.photos_of(keys["pear"]):
        shop.catalogue.reject_photo(photo.key, "broken")
    assert shop.kept.items([keys["pear"]])[keys["pear"]].state == "rejected"


def test_who_reads_at_an_older_moment_is_told_of_it_and_keeps_nothing(
    shop: Shop, keys: dict[str, int], tmp_path: Path
) -> None:
    pear = keys["pear"]
    with shop.catalogue.moment():
        before = shop.kept.shown_hashes([pear])
        row = item_row(tmp_path, "pear", FRUIT, [4])
        changing = threading.Thread(target=shop.catalogue.upsert_items, args=([row],))
        changing.start()
        changing.join()
        asking = threading.Thread(target=shop.kept.shown_hashes, args=([pear],))
        asking.start()
        asking.join()
        assert shop.kept.shown_hashes([pear]) == before
    assert shop.kept.shown_hashes([pear]) == shop.catalogue.shown_hashes([pear]) != before


def test_what_a_transaction_takes_back_was_never_kept(shop: Shop, keys: dict[str, int]) -> None:
    pear = keys["pear"]

    def changed_and_failed() -> None:
        with shop.catalogue.transaction() as connection:
            connection.execute("UPDATE items SET title = 'Quince'")
            assert shop.kept.items([pear])[pear].title == "Quince"
            raise RuntimeError

    before = shop.kept.items([pear])[pear].title
    with pytest.raises(RuntimeError):
        changed_and_failed()
    assert shop.kept.items([pear])[pear].title == before != "Quince"


def test_no_more_is_kept_than_is_let(shop: Shop, keys: dict[str, int]) -> None:
    kept = KeptItems(shop.catalogue, most=1)
    for _ in range(3):
        for key in keys.values():
            assert kept.items([key]) == shop.catalogue.get_many([key])
    assert len(kept._items._known[1]) <= 2
