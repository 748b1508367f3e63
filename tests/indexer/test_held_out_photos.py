"""On real photos with the authors' own splits: what is held out reaches neither cache nor index."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.build import build
from indexer.evaluate import evaluate
from indexer.importing import import_manifest
from indexer.shop import Shop
from indexer.versions import IndexVersion
from tests.indexer.tiny_shop import TinyEmbedder
from vsearch.errors import ShopError

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def shop(grocery_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with Shop.create(tmp_path_factory.mktemp("grocery") / "shop") as shop:
        photos = [grocery_store / "images.csv"]
        report = import_manifest(shop, grocery_store / "catalogue.csv", photos=photos)
        assert report.to_json()["rejected"] == 0
        build(shop, views="all", embedder=TinyEmbedder())
        yield shop


def held_out(shop: Shop, split: str) -> set[str]:
    return {photo.content_hash for _, photo in shop.catalogue.photos(splits=(split,))}


@pytest.mark.parametrize(("split", "photos"), [("val", 296), ("test", 2485)])
def test_no_held_out_photo_is_embedded_indexed_or_kept(
    shop: Shop, grocery_store: Path, split: str, photos: int
) -> None:
    hashes = held_out(shop, split)
    assert len(hashes) == photos
    report = evaluate(shop, grocery_store / "queries.csv", split=split, embedder=TinyEmbedder())
    assert (report.queries, report.refused) == (photos, 0)
    version = IndexVersion.open(shop.indexes / report.index)
    assert version.manifest.rows == 81 + 2640
    assert not version.hashes() & hashes
    assert shop.catalogue.embeddings("e" * 16, sorted(hashes)) == {}


def test_photos_of_the_index_are_refused_as_queries(shop: Shop, grocery_store: Path) -> None:
    with pytest.raises(ShopError, match="2640 refused because they are in the index"):
        evaluate(shop, grocery_store / "images.csv", split="train", embedder=TinyEmbedder())
