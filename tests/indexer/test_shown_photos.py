"""Which photos may be shown."""

from pathlib import Path

from tests.indexer.tiny_shop import add_further, make_shop, painted
from vsearch.images import content_hash


def test_only_catalogue_photos_of_items_that_are_sold_are_shown(tmp_path: Path) -> None:
    items = {"apple": (("Fruit",), [1, 2]), "pear": (("Fruit",), [3]), "gone": (("Fruit",), [4])}
    with make_shop(tmp_path, items) as shop:
        add_further(shop, "apple", 5, "train")
        catalogue = shop.catalogue
        (gone,) = catalogue.item_keys(["gone"]).values()
        for photo in catalogue.photos_of(gone):
            catalogue.reject_photo(photo.key, "broken")
        path = catalogue.shown_photo(content_hash(painted(2)))
        assert path is not None
        assert path.read_bytes() == painted(2)
        for hidden in (4, 5, 6):
            assert catalogue.shown_photo(content_hash(painted(hidden))) is None
        keys = catalogue.item_keys(["apple", "pear", "gone"])
        assert catalogue.shown_hashes([*keys.values(), 999]) == {
            keys["apple"]: [content_hash(painted(1)), content_hash(painted(2))],
            keys["pear"]: [content_hash(painted(3))],
        }
        assert catalogue.shown_hashes([]) == {}
