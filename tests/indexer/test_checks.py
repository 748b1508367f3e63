"""Checks of a shop: silent where it is sound, and each kind of damage is named by its check."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.backup import backup
from indexer.build import build
from indexer.check_vectors import LEAST_COSINE
from indexer.checks import Check, Sample, check_shop
from indexer.restore import restore
from indexer.shop import Current, Shop
from indexer.versions import IndexVersion
from tests.indexer.bundled_shop import (
    bundled,
    flip,
    make_bundled_shop,
    own_photo,
    tiny_bundle,
    use_model,
)
from tests.indexer.tiny_network import offer_tiny
from tests.indexer.tiny_shop import add_further, item_row, painted
from vsearch.embed import Embedder, Predictions
from vsearch.images import load
from vsearch.precision import PRECISIONS

__all__ = ["bundled"]

NAMES = [
    "catalogue file",
    "item states",
    "models",
    "index versions",
    "pair",
    "rows",
    "items",
    "photo files",
    "vectors",
    "leftovers",
]


@pytest.fixture(autouse=True)
def tiny_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    offer_tiny(monkeypatch)


@pytest.fixture
def shop(bundled: Path, tmp_path: Path) -> Iterator[Shop]:
    """A copy of the built shop that may be changed."""
    with Shop.open(shutil.copytree(bundled, tmp_path / "shop")) as opened:
        yield opened


def looked(shop: Shop, size: int = 20) -> dict[str, Check]:
    return {check.name: check for check in check_shop(shop, sample=Sample(size))}


def wrong(shop: Shop, size: int = 0) -> dict[str, str]:
    """Return the checks that fail, with what they tell; no vector is computed unless asked."""
    return {name: check.detail for name, check in looked(shop, size).items() if not check.ok}


def sql(shop: Shop, *statements: str) -> None:
    with shop.catalogue.transaction() as connection:
        for statement in statements:
            connection.execute(statement)


def serving(shop: Shop) -> IndexVersion:
    index = shop.current().index
    assert index is not None
    return IndexVersion.open(shop.indexes / index)


def test_a_sound_shop_passes_all_checks(shop: Shop) -> None:
    checks = looked(shop)
    assert list(checks) == NAMES
    assert all(check.ok for check in checks.values()), checks
    assert checks["items"].detail == "5 = 4 indexed + 0 waiting + 1 rejected"
    assert checks["rows"].detail == "6, of which 0 dead: changed since"
    assert checks["vectors"].detail == "6 of 6 computed anew, cosine at least 1.000000"
    assert checks["photo files"].detail == "6, all there"


def test_a_restored_shop_passes_all_checks(shop: Shop, tmp_path: Path) -> None:
    backup(shop, tmp_path / "b.tar")
    restore(tmp_path / "b.tar", tmp_path / "again")
    with Shop.open(tmp_path / "again") as again:
        assert wrong(again, 20) == {}


def test_an_empty_shop_and_one_without_index_pass(tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        assert wrong(shop, 20) == {}
        shop.catalogue.upsert_items([item_row(tmp_path, "apple", ("Fruit",), [1])])
        use_model(shop)
        checks = looked(shop)
        assert all(check.ok for check in checks.values()), checks
        assert checks["items"].detail == "1 = 1 waiting + 0 rejected"
        assert checks["rows"].detail == "nothing is built yet"


def test_changes_since_the_build_are_told_and_not_wrong(shop: Shop, tmp_path: Path) -> None:
    shop.catalogue.upsert_items(
        [
            item_row(tmp_path, "new", ("Fruit",), [20]),
            item_row(tmp_path, "apple", ("Fruit", "Apple"), [0, 21]),
            item_row(tmp_path, "gala", ("Sale",), [3, 4]),
        ]
    )
    shop.catalogue.delete_items(["milk"])
    checks = looked(shop)
    assert all(check.ok for check in checks.values()), checks
    # One photo of the apple, the milk, and both of the gala, which has moved.
    assert checks["rows"].detail == "6, of which 4 dead: changed since"
    assert checks["items"].detail == "5 = 2 indexed + 2 waiting + 1 rejected"
    assert checks["vectors"].detail.startswith("2 of 6 computed anew")
    build(shop)
    assert looked(shop)["items"].detail == "5 = 4 indexed + 0 waiting + 1 rejected"
    assert wrong(shop, 20) == {}


def test_further_photos_count_where_they_are_views(tmp_path: Path) -> None:
    with Shop.open(make_bundled_shop(tmp_path)) as shop:
        add_further(shop, "apple", 30, "train")
        add_further(shop, "apple", 31, "test")
        build(shop)
        assert looked(shop, 0)["rows"].detail.startswith("6,")
        build(shop, views="all")
        checks = looked(shop)
        assert all(check.ok for check in checks.values()), checks
        assert checks["rows"].detail.startswith("7,")


class Confused(Embedder):
    """A network that takes each of two photos for the other: their cosine is .977."""

    def __call__(self, pixels: NDArray[np.uint8]) -> Predictions:
        one, other = (load(painted(seed), self.spec) for seed in (0, 5))
        seen = [
            other if np.array_equal(p, one) else one if np.array_equal(p, other) else p
            for p in pixels
        ]
        return super().__call__(np.stack(seen))


def test_vectors_of_other_photos_are_found(shop: Shop) -> None:
    sample = Sample(embedder=Confused(tiny_bundle()))
    (told,) = [check.detail for check in check_shop(shop, sample=sample) if not check.ok]
    assert told.startswith("2 of 6 are not those of their photos, such as that of ")


def test_the_sample_is_drawn_by_its_seed(shop: Shop) -> None:
    network = Confused(tiny_bundle())

    def passes(seed: int) -> bool:
        checks = check_shop(shop, sample=Sample(1, seed, network))
        return next(check.ok for check in checks if check.name == "vectors")

    found = [passes(seed) for seed in range(4)]
    assert set(found) == {True, False}
    assert [passes(seed) for seed in range(4)] == found
    assert looked(shop, 0)["vectors"].detail == "none was computed anew"


def test_a_damaged_catalogue_file_is_found(shop: Shop) -> None:
    sql(shop, "INSERT INTO rejects SELECT 'build', '', 0, '', '', hex(randomblob(9000)), '', ''")
    shop.catalogue.close()
    path = shop.path / "catalogue.db"
    data = bytearray(path.read_bytes())
    data[-3 * 4096 : -2 * 4096] = b"\xff" * 4096
    path.write_bytes(data)
    with Shop.open(shop.path) as again:
        assert "catalogue file" in wrong(again)


CASES: list[tuple[str, Callable[[Shop], object], dict[str, str]]] = [
    (
        "a flipped bit in the index",
        lambda s: flip(serving(s).folder / "photos.npy", -2),
        {
            "index versions": "photos.npy is not what was written (SHA-256 differs)",
            "rows": "1 rows are of photos",
            "items": "1 items have photos without a row",
        },
    ),
    (
        "a flipped bit in the model",
        lambda s: flip(next(s.models.iterdir()) / "weights.safetensors", -2),
        {"models": "changed or damaged", "pair": "changed or damaged"},
    ),
    (
        "a photo that went without a change",
        lambda s: sql(s, "DELETE FROM photos WHERE position = 1 AND item_key = 1"),
        {"rows": "1 rows are of photos that the catalogue has not"},
    ),
    (
        "an item that came without a change",
        lambda s: sql(
            s,
            "INSERT INTO items (item_id, title, category_id, further_paths, attributes, state, seq)"
            " VALUES ('ghost', '', 1, '[]', '{}', 'ok', 1)",
            "INSERT INTO photos (item_key, content_hash, path, role, split, position, width, "
            "height) SELECT max(item_key), hex(zeroblob(32)), 'shop.toml', 'catalogue', 'train', "
            "0, 8, 8 FROM items",
        ),
        {"items": "1 items have photos without a row"},
    ),
    (
        "an item without a photo",
        lambda s: sql(s, "DELETE FROM photos WHERE item_key = 2"),
        {
            "item states": "1 items are not rejected though they have no catalogue photo",
            "rows": "1 rows are of photos",
            "items": "status counts 4 indexed + 0 waiting, the rows tell of 3 and 0",
        },
    ),
    (
        "a rejection without a reason",
        lambda s: sql(s, "UPDATE items SET reason = NULL WHERE state = 'rejected'"),
        {"item states": "1 items are rejected without a reason, such as “bare”"},
    ),
    (
        "a change log that was emptied",
        lambda s: sql(s, "DELETE FROM changes"),
        {"item states": "5 items have no entry in the change log", "pair": "is an older one"},
    ),
    (
        "a photo that was lost",
        lambda s: own_photo(s, 5).path.unlink(),
        {"photo files": "1 of 6 are not there, such as"},
    ),
    (
        "another network's index",
        lambda s: s.publish(Current(tiny_bundle(1).save(s.models).name, s.current().index)),
        {"pair": "run `vsearch build`"},
    ),
    (
        "a version that is gone",
        lambda s: shutil.rmtree(serving(s).folder),
        {
            "pair": "there is no index version",
            **dict.fromkeys(("rows", "items", "vectors"), "not looked at: see “pair”"),
        },
    ),
    (
        "a trained model that is gone",
        lambda s: s.set_trained_model("0" * 16),
        {"models": "is missing"},
    ),
]


@pytest.mark.parametrize(
    ("damage", "told"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_each_damage_is_named_by_its_check(
    shop: Shop, damage: Callable[[Shop], object], told: dict[str, str]
) -> None:
    damage(shop)
    found = wrong(shop)
    assert found.keys() == told.keys(), found
    for name, text in told.items():
        assert text in found[name]


def test_a_photo_that_cannot_be_read_is_told_with_the_vectors(tmp_path: Path) -> None:
    with Shop.open(make_bundled_shop(tmp_path)) as shop:
        (tmp_path / "source/2.png").write_bytes(b"something else")
        assert "its bytes differ: import it again" in wrong(shop, 20)["vectors"]
        assert wrong(shop) == {}


def test_a_build_that_replaces_and_prunes_meanwhile_is_no_damage(
    shop: Shop, tmp_path: Path
) -> None:
    done: list[int] = []

    def meanwhile(stage: str, _done: int, _total: int) -> None:
        if stage == "index versions" and not done:
            for seed in range(30, 34):
                shop.catalogue.upsert_items([item_row(tmp_path, f"i{seed}", ("Fruit",), [seed])])
                build(shop)
                done.append(seed)

    checks = check_shop(shop, progress=meanwhile)
    assert len(done) == 4
    assert all(check.ok for check in checks), checks


def test_vectors_of_any_precision_agree_within_the_tolerance() -> None:
    bundle = tiny_bundle()
    pixels = np.stack([load(painted(seed), bundle.spec) for seed in range(8)])
    made = {name: Embedder(bundle, PRECISIONS[name])(pixels).embeddings for name in PRECISIONS}
    for one in made.values():
        for other in made.values():
            assert np.einsum("nd,nd->n", one, other).min() >= LEAST_COSINE
