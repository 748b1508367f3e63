"""A real shop comes in whole: 81 products with 5,421 phone photos."""

from collections import Counter
from pathlib import Path

import pytest

from indexer.catalogue import Counts
from indexer.importing import import_manifest
from indexer.manifest import read_queries
from indexer.shop import Shop

pytestmark = pytest.mark.real


def test_grocery_store_comes_in_and_again_changes_nothing(
    grocery_store: Path, tmp_path: Path
) -> None:
    with Shop.create(tmp_path / "shop") as shop:

        def take() -> tuple[int, ...]:
            report = import_manifest(
                shop,
                grocery_store / "catalogue.csv",
                photos=[grocery_store / "images.csv"],
                category_columns=["department", "category"],
            )
            assert report.rejects == []
            return report.added, report.changed, report.unchanged, report.photos_added

        assert take() == (81, 0, 0, 81 + 5421)
        assert shop.catalogue.counts(0) == Counts(81, 0, 81, 0)
        built = shop.catalogue.seq()
        assert take() == (0, 0, 81, 0)
        assert shop.catalogue.counts(built) == Counts(81, 81, 0, 0)

        found = Counter((photo.role, photo.split) for _, photo in shop.catalogue.photos())
        assert found == {
            ("catalogue", "train"): 81,
            ("further", "train"): 2640,
            ("further", "val"): 296,
            ("further", "test"): 2485,
        }
        assert len(shop.catalogue.views("all")) == 81 + 2640
        assert len(shop.taxonomy().children()) == 3
        assert len(shop.catalogue.category_counts()) == 43
        apple = shop.catalogue.get("Golden-Delicious")
        assert apple is not None
        assert apple.category == ("Fruit", "Apple")
        assert apple.attributes["fine_class_id"] == 0

        queries, rejects = read_queries(shop, grocery_store / "queries.csv", "test")
        assert (len(queries), rejects) == (2485, [])
        cartons, _ = read_queries(
            shop, grocery_store / "queries.csv", "val", {"department": "Packages"}
        )
        assert {query.category[0] for query in cartons if query.category} == {"Packages"}


def test_fashion_catalogue_rejects_the_photos_of_products_it_does_not_sell(
    fashion_catalogue: Path, tmp_path: Path
) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        report = import_manifest(
            shop,
            fashion_catalogue / "catalogue.csv",
            photos=[fashion_catalogue / "images.csv"],
        )
        assert (report.added, report.photos_added) == (2556, 2556)
        assert report.rejected == 379 + 750
        assert {reject.field for reject in report.rejects} == {"item_id"}
        assert shop.catalogue.attribute_types()["year"] == "int"
