"""A shop folder: made, opened, its settings, what is current, its locks."""

import json
from pathlib import Path

import pytest

from indexer.catalogue import ItemRow, PhotoRow
from indexer.shop import Current, Shop, ShopSettings
from vsearch.errors import BusyError, ShopError


def test_a_new_shop_opens_again_with_its_name(tmp_path: Path) -> None:
    with Shop.create(tmp_path / "corner", name="Corner “Shop”") as shop:
        assert shop.catalogue.counts(0).items == 0
    with Shop.open(tmp_path / "corner") as shop:
        assert shop.settings == ShopSettings(name="Corner “Shop”")
        assert shop.current() == Current(None, None)
        assert shop.trained_model() is None


def test_an_empty_folder_may_become_a_shop_named_like_it(tmp_path: Path) -> None:
    (tmp_path / "greengrocer").mkdir()
    with Shop.create(tmp_path / "greengrocer") as shop:
        assert shop.settings.name == "greengrocer"


def test_a_shop_is_not_made_twice(tmp_path: Path) -> None:
    Shop.create(tmp_path / "shop").close()
    with pytest.raises(ShopError, match="is already a shop"):
        Shop.create(tmp_path / "shop")


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ShopError, match="not empty and no shop"):
        Shop.create(tmp_path)
    with pytest.raises(ShopError, match="is a file"):
        Shop.create(tmp_path / "letter.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("name", ["absent", "file", "folder"])
def test_opening_what_is_no_shop_says_how_to_make_one(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ShopError, match="vsearch init"):
        Shop.open(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name = ", "not valid TOML"),
        ("views = 'all'", '"name" is missing'),
        ("name = 'x'\ncolour = 'red'", "unknown key 'colour', expected one of name, views"),
        ("name = 'x'\nviews = 'some'", "views is 'some', expected one of catalogue, all"),
        ("name = 'x'\nviews = ['all']", "views is"),
        ("name = 'x'\nmax_pixels = 0", "max_pixels is 0, expected a whole number"),
        ("name = 'x'\nmax_bytes = true", "max_bytes is True"),
        ("name = 'x'\nremote_hosts = 'a.com'", "remote_hosts is 'a.com', expected a list"),
        ("name = 'x'\ncategory_columns = [1]", "category_columns is"),
        ("name = 7", "name is 7"),
        ("name = 'x'\nschema = 99", "schema is 99, this program knows 2: update the program"),
        ("name = 'x'\nschema = 99\nhue = 1", "update the program"),
        ("name = 'x'\nschema = 0", "schema is 0, expected a whole number such as 2"),
        ("name = 'x'\nschema = true", "schema is True, expected a whole number"),
    ],
)
def test_settings_that_are_wrong_are_named(tmp_path: Path, text: str, told: str) -> None:
    Shop.create(tmp_path / "shop").close()
    (tmp_path / "shop" / "shop.toml").write_text(text)
    with pytest.raises(ShopError) as caught:
        Shop.open(tmp_path / "shop")
    assert told in str(caught.value)
    assert "shop.toml" in str(caught.value)


def test_settings_change_on_disk_and_here(tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop", name='Größe \\ "x"') as shop:
        shop.update_settings(views="all", category_columns=("department", "category"))
        assert shop.settings.views == "all"
        with pytest.raises(ShopError, match="views"):
            shop.update_settings(views="none")
    with Shop.open(tmp_path / "shop") as shop:
        assert shop.settings.name == 'Größe \\ "x"'
        assert shop.settings.views == "all"
        assert shop.settings.category_columns == ("department", "category")


def test_what_serves_is_published_as_a_pair(tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        shop.publish(Current("0123456789abcdef", "20261122T215600-01234567"))
        shop.set_trained_model("fedcba9876543210")
    with Shop.open(tmp_path / "shop") as shop:
        assert shop.current() == Current("0123456789abcdef", "20261122T215600-01234567")
        assert shop.trained_model() == "fedcba9876543210"
        assert json.loads((shop.path / "CURRENT").read_text())["model"] == "0123456789abcdef"
        assert not list(shop.path.glob(".*.tmp"))


@pytest.mark.parametrize("text", ["", "[]", '{"model": "a"}', '{"model": 1, "index": "x"}', "null"])
def test_a_damaged_current_is_told(tmp_path: Path, text: str) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        (shop.path / "CURRENT").write_text(text)
        with pytest.raises(ShopError, match=r"CURRENT is damaged.*vsearch build"):
            shop.current()


def test_a_lock_is_held_by_one_and_free_afterwards(tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop, Shop.open(shop.path) as other:
        with shop.lock("build"):
            with pytest.raises(BusyError, match="another build is running"), other.lock("build"):
                pass
            with other.lock("import"):
                pass
        with other.lock("build"):
            pass


def test_the_taxonomy_holds_the_categories_in_use(tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        photo = (PhotoRow("aa", tmp_path / "a.jpg", 1, 1),)
        shop.catalogue.upsert_items(
            [
                ItemRow("apple", "Apple", ("Fruit", "Apple"), photo),
                ItemRow("leek", "Leek", ("Vegetables",), ()),
            ]
        )
        assert shop.taxonomy().paths == (("Fruit",), ("Fruit", "Apple"))
