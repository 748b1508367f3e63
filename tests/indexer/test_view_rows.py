"""The rows of an index as arrays, against the views as objects, one by one."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from indexer.build import build
from indexer.shop import Shop, Views
from indexer.view_embedding import vectors_of
from indexer.view_rows import ViewRows
from tests.indexer.tiny_shop import TinyEmbedder, add_further, make_shop
from vsearch.progress import silent

APPLE, MILK = ("Fruit", "Apple"), ("Dairy", "Milk")
FINGERPRINT = "e" * 16
ITEMS = {
    "gala": (APPLE, [1, 2, 3]),
    "whole": (MILK, [4]),
    "twin": (APPLE, [5, 2]),
    "gone": (MILK, [6]),
}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with make_shop(tmp_path, ITEMS) as made:
        add_further(made, "whole", 7, "train")
        for seed, split in ((9, "val"), (8, "val"), (10, "test")):
            add_further(made, "whole", seed, split)  # type: ignore[arg-type]
        made.delete(["gone"])
        yield made


def rows_of(shop: Shop, views: Views = "catalogue") -> ViewRows:
    return shop.catalogue.view_rows(views, FINGERPRINT)


@pytest.mark.parametrize("views", ["catalogue", "all"])
def test_rows_are_the_views_in_their_order(shop: Shop, views: Views) -> None:
    rows, pairs = rows_of(shop, views), shop.catalogue.views(views)
    assert rows.category_ids.tolist() == [item.category_id for item, _ in pairs]
    assert rows.item_keys.tolist() == [item.key for item, _ in pairs]
    assert rows.photo_keys.tolist() == [photo.key for _, photo in pairs]
    hashes = [photo.content_hash for _, photo in pairs]
    assert [content.tobytes().hex() for content in rows.hashes] == hashes
    assert (len(rows), rows.items, rows.photos) == (len(pairs), 3, len(set(hashes)))
    assert {rows.paths[number] for number in rows.category_ids.tolist()} == {APPLE, MILK}
    for part in rows.categories():
        own = {item.category for item, _ in pairs[part.start : part.stop]}
        assert own == {part.path}
    assert [part.stop for part in rows.categories()] == [5, len(pairs)]


def test_each_photo_without_an_embedding_is_missing_once(shop: Shop) -> None:
    rows = rows_of(shop)
    hashes = [photo.content_hash for _, photo in shop.catalogue.views("catalogue")]
    assert (rows.embeddings == -1).all()
    assert [hashes[row] for row in rows.missing()] == list(dict.fromkeys(hashes))
    known = np.eye(1, 16, dtype=np.float32)[0]
    shop.catalogue.put_embeddings(FINGERPRINT, [(hashes[1], known)])
    shop.catalogue.put_embeddings("f" * 16, [(hashes[0], known)])  # another network's
    left = [hashes[row] for row in rows_of(shop).missing()]
    assert left == [one for one in dict.fromkeys(hashes) if one != hashes[1]]


def test_vectors_are_those_of_the_views_though_some_are_written_anew(shop: Shop) -> None:
    build(shop, embedder=TinyEmbedder())
    rows = rows_of(shop)
    assert not len(rows.missing())
    names = [content.tobytes().hex() for content in rows.hashes]
    known = shop.catalogue.embeddings(FINGERPRINT, names)
    expected = np.stack([known[name] for name in names])
    for _ in range(2):
        (found,) = vectors_of(shop, FINGERPRINT, rows, silent)
        np.testing.assert_array_equal(found, expected)
        shop.catalogue.put_embeddings(FINGERPRINT, [(names[2], known[names[2]])])


def test_a_shop_without_views_has_no_rows(tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        rows = rows_of(shop)
        assert (len(rows), rows.items, rows.photos) == (0, 0, 0)
        assert (rows.categories(), rows.missing().tolist()) == ([], [])
        assert list(vectors_of(shop, FINGERPRINT, rows, silent)) == []


def test_val_photos_are_named_in_order(shop: Shop) -> None:
    val = [photo.content_hash for _, photo in shop.catalogue.photos(splits=("val",))]
    assert shop.catalogue.val_hashes() == sorted(val)
    assert len(val) == 2
