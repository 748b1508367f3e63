"""An older shop.toml is read as one of today, and a newer one is refused with words."""

from pathlib import Path

import pytest

from indexer import settings_schema
from indexer.settings_schema import SCHEMA, Values, upgrade
from indexer.shop import Shop, ShopSettings
from vsearch.errors import ShopError

# As the first released version wrote it.
SCHEMA_1 = """name = "Corner shop"
views = "all"
max_pixels = 50000000
max_bytes = 20000000
remote_hosts = ["cdn.example.com"]
category_columns = ["department", "category"]
schema = 1
"""


def test_a_file_of_the_first_schema_is_upgraded(tmp_path: Path) -> None:
    Shop.create(tmp_path / "shop").close()
    (tmp_path / "shop" / "shop.toml").write_text(SCHEMA_1)
    with Shop.open(tmp_path / "shop") as shop:
        assert shop.settings == ShopSettings(
            name="Corner shop",
            views="all",
            max_pixels=50_000_000,
            max_bytes=20_000_000,
            remote_hosts=("cdn.example.com",),
            category_columns=("department", "category"),
        )
        assert shop.settings.schema == SCHEMA
        assert (tmp_path / "shop" / "shop.toml").read_text() == SCHEMA_1  # reading writes nothing
        shop.update_settings(views="catalogue")
    text = (tmp_path / "shop" / "shop.toml").read_text()
    assert f"schema = {SCHEMA}" in text
    assert "false_rejects" in text


def test_each_migration_is_taken_once_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def rename(values: Values) -> Values:
        values["title"] = values.pop("name")
        return values

    def shout(values: Values) -> Values:
        return {**values, "title": values["title"].upper()}

    monkeypatch.setattr(settings_schema, "MIGRATIONS", (rename, shout))
    first = {"name": "corner", "schema": 1}
    assert upgrade(first) == {"title": "CORNER", "schema": 3}
    assert first == {"name": "corner", "schema": 1}
    assert upgrade({"title": "corner", "schema": 2}) == {"title": "CORNER", "schema": 3}
    assert upgrade({"title": "corner", "schema": 3}) == {"title": "corner", "schema": 3}
    assert upgrade({"title": "a person's own"})["title"] == "a person's own"
    with pytest.raises(ShopError, match="schema is 4, this program knows 3: update the program"):
        upgrade({"title": "corner", "schema": 4, "unheard_of": True})
