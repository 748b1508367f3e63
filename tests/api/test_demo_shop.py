"""The generated shop: complete, decodable, held apart, and the same bytes every time."""

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from api.demo import DemoShop, generate, thumbnail_baseline
from api.demo.catalogue import assortment, title
from api.demo.design import View
from api.demo.palette import COLOURS
from api.demo.patterns import FIGURES, WORDS, word
from api.demo.products import CATEGORIES
from api.demo.shop import MARKER
from vsearch.errors import ShopError
from vsearch.taxonomy import parse_path

ITEMS, SEED = 32, 11


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> DemoShop:
    folder = tmp_path_factory.mktemp("demo") / "shop"
    return generate(folder, items=ITEMS, seed=SEED, processes=1)


def rows(manifest: Path) -> list[dict[str, str]]:
    with manifest.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def test_manifests_count_what_was_asked(shop: DemoShop) -> None:
    items, photos, queries = rows(shop.catalogue), rows(shop.photos), rows(shop.queries)
    assert shop.items == len(items) == len({row["item_id"] for row in items}) == ITEMS
    assert shop.categories == len({row["category"] for row in items}) == len(CATEGORIES)
    trained = Counter(row["item_id"] for row in photos if row["split"] == "train")
    tested = Counter(row["item_id"] for row in queries if row["split"] == "test")
    assert trained == {row["item_id"]: 2 for row in items}
    assert tested == {row["item_id"]: 1 for row in items}
    assert {row["split"] for row in photos} == {"train", "val"}
    assert {row["split"] for row in queries} == {"test", "val"}


def test_the_whole_shop_is_large_enough_and_a_tree_of_two_levels() -> None:
    products = assortment(480, 7)
    paths = {parse_path(product.category.path) for product in products}
    assert len(products) == 480
    assert len(paths) == 16
    assert {len(path) for path in paths} == {2}
    assert len({path[0] for path in paths}) == 5
    assert min(Counter(product.category.path for product in products).values()) == 30


def test_products_of_a_category_differ_in_what_the_title_says() -> None:
    titles = Counter((p.category.name, p.title) for p in assortment(480, 7))
    assert [each for each, count in titles.items() if count > 1] == []


def test_variants_are_one_model_in_other_colours() -> None:
    groups: dict[str, list[tuple[object, ...]]] = {}
    for product in assortment(480, 7):
        if product.group_id:
            design = product.design
            model = (design.shape, design.pattern, design.material, design.knobs, design.seed)
            groups.setdefault(product.group_id, []).append((*model, product.title))
    assert len(groups) > 30
    for members in groups.values():
        assert len({member[:-1] for member in members}) == 1
        assert len({member[-1] for member in members}) == len(members)


def test_titles_name_colour_pattern_and_kind() -> None:
    for product in assortment(96, 5):
        design, text = product.design, product.title.lower()
        assert product.title == title(product.category, design)
        assert design.colour.name in text
        assert word(design.pattern).lower() in text
        if product.category.describe is None:
            assert product.category.shapes[design.shape].lower() in text
        price, currency = product.price.split()
        assert currency == "EUR"
        low, high = product.category.prices
        assert low <= float(price) <= high + 1


def test_every_photo_decodes_and_is_of_photo_size(shop: DemoShop) -> None:
    paths = {
        row["image_path"]
        for name in (shop.catalogue, shop.photos, shop.queries)
        for row in rows(name)
    }
    assert {path for path in digests(shop.folder) if path.endswith(".jpg")} == paths
    for path in paths:
        with Image.open(shop.folder / path) as image:
            assert image.format == "JPEG"
            assert image.mode == "RGB"
            image.load()
            assert 256 <= min(image.size) <= max(image.size) <= 320


def test_test_photos_appear_in_the_queries_only(shop: DemoShop) -> None:
    content = digests(shop.folder)
    seen = {
        content[row["image_path"]] for name in (shop.catalogue, shop.photos) for row in rows(name)
    }
    tested = [content[row["image_path"]] for row in rows(shop.queries) if row["split"] == "test"]
    assert len(set(tested)) == ITEMS
    assert seen.isdisjoint(tested)
    by_split = {
        split: {content[row["image_path"]] for row in rows(shop.photos) if row["split"] == split}
        for split in ("train", "val")
    }
    assert by_split["train"].isdisjoint(by_split["val"])


def test_catalogue_photos_are_taken_on_white(shop: DemoShop) -> None:
    for row in rows(shop.catalogue):
        with Image.open(shop.folder / row["image_path"]) as image:
            corners = [image.getpixel((x, y)) for x in (2, 285) for y in (2, 150)]
        assert all(min(corner) > 225 for corner in corners if isinstance(corner, tuple))


def test_same_seed_same_bytes_however_many_processes(tmp_path: Path) -> None:
    alone = generate(tmp_path / "alone", items=5, seed=SEED, processes=1)
    together = generate(tmp_path / "together", items=5, seed=SEED, processes=2)
    assert digests(alone.folder) == digests(together.folder)


def test_another_seed_is_another_shop(tmp_path: Path) -> None:
    one = generate(tmp_path / "one", items=2, seed=1, processes=1)
    two = generate(tmp_path / "two", items=2, seed=2, processes=1)
    photos = [set(digests(each.folder / "images").values()) for each in (one, two)]
    assert photos[0].isdisjoint(photos[1])


def test_a_finished_shop_is_used_again_and_another_one_replaced(tmp_path: Path) -> None:
    first = generate(tmp_path / "shop", items=2, processes=1)
    photo = first.folder / rows(first.catalogue)[0]["image_path"]
    stamp = photo.stat().st_mtime_ns
    assert generate(tmp_path / "shop", items=2, processes=1) == first
    assert photo.stat().st_mtime_ns == stamp
    assert generate(tmp_path / "shop", items=3, processes=1).items == 3
    assert json.loads((first.folder / MARKER).read_text())["items"] == 3
    assert not (tmp_path / "shop.partial").exists()


def test_an_interrupted_shop_leaves_nothing_that_looks_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(stage: str, done: int, total: int, /) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path / "shop", items=2, processes=1, progress=stop)
    assert not (tmp_path / "shop").exists()
    assert generate(tmp_path / "shop", items=2, processes=1).catalogue.is_file()


def test_progress_is_told_of_every_item(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    generate(tmp_path / "shop", items=3, processes=1, progress=lambda _, d, t: told.append((d, t)))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_other_peoples_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(ShopError, match="holds no generated shop"):
        generate(tmp_path, items=2, processes=1)
    assert (tmp_path / "letters.txt").read_text() == "dear"
    with pytest.raises(ShopError, match="at least 1 item"):
        generate(tmp_path / "none", items=0)


def test_thumbnails_find_few_held_out_photos(shop: DemoShop) -> None:
    # Far below .5 on 480 items (.02), and low even among 32.
    assert 0 <= thumbnail_baseline(shop) < 0.5
    assert 0 <= thumbnail_baseline(shop, views="catalogue") < 0.5


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda category: category.name)
def test_every_shape_and_pattern_can_be_drawn(category: object) -> None:
    chosen = next(each for each in CATEGORIES if each is category)
    sample = next(p.design for p in assortment(16, 3) if p.category is chosen)
    shapes = list(chosen.shapes)
    for number, pattern in enumerate(chosen.patterns):
        values = {**sample.__dict__, "shape": shapes[number % len(shapes)], "pattern": pattern}
        canvas = chosen.draw(type(sample)(**values), View(yaw=0.6 - number * 0.1, pitch=0.4))
        assert canvas.cover.mean() > 0.03
        edges = [canvas.cover[0], canvas.cover[-1], canvas.cover[:, 0], canvas.cover[:, -1]]
        assert sum(int(edge.sum()) for edge in edges) < 60


def test_names_of_patterns_and_colours_read_well() -> None:
    assert set(FIGURES) <= set(WORDS)
    assert word("cat print") == "cat-print"
    assert word("leaf all-over") == "leaf-motif"
    assert all(name == name.lower() for name in COLOURS)
