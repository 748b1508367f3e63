"""A full manifest: what it no longer names goes when asked for, and never by an accident."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.attributes import convert
from indexer.build import build
from indexer.importing import ImportReport, import_manifest
from indexer.live import delete, upsert
from indexer.pruning import Pruning
from indexer.shop import Shop
from indexer.versions import IndexVersion
from tests.indexer.decided_shop import DecidedShop
from tests.indexer.tiny_shop import TinyEmbedder, painted
from vsearch.errors import ManifestError

ITEMS = 10


class FullManifest:
    """A shop and the manifest of all its items."""

    def __init__(self, root: Path) -> None:
        self.shop = Shop.create(root / "shop")
        self.path = root / "catalogue.csv"
        for number in range(ITEMS + 2):
            (root / f"{number}.png").write_bytes(painted(number))

    def write(self, *numbers: int, category: str = "Fruit", size: int = 1, more: str = "") -> None:
        rows = [f"item-{n},{n}.png,{category},{size}\n" for n in numbers]
        self.path.write_text("item_id,image_path,category,size\n" + "".join(rows) + more)

    def take(self, *, prune: bool = False, force: bool = False) -> ImportReport:
        return import_manifest(self.shop, self.path, prune=prune, force=force)

    def items(self) -> set[int]:
        return {int(item_id.removeprefix("item-")) for item_id in self.shop.catalogue.item_ids()}


@pytest.fixture
def full(tmp_path: Path) -> Iterator[FullManifest]:
    made = FullManifest(tmp_path)
    with made.shop:
        made.write(*range(ITEMS))
        made.take()
        yield made


def test_what_is_not_named_stays_and_is_counted(full: FullManifest) -> None:
    full.write(*range(4, ITEMS + 1))
    report = full.take()
    assert (report.added, report.unchanged, report.removed) == (1, 6, 0)
    assert report.would_be_removed == 4
    assert full.items() == set(range(ITEMS + 1))
    document = report.to_json()
    assert (document["removed"], document["would_be_removed"]) == (0, 4)


def test_with_prune_it_goes_with_its_photos(full: FullManifest) -> None:
    full.write(*range(2, ITEMS), ITEMS, size=2)
    report = full.take(prune=True)
    assert (report.added, report.changed, report.removed, report.would_be_removed) == (1, 8, 2, 0)
    assert full.items() == set(range(2, ITEMS + 1))
    assert len(list(full.shop.catalogue.photos())) == 9
    assert full.take(prune=True).removed == 0


def test_a_rejected_item_that_is_named_stays(full: FullManifest) -> None:
    full.write(*range(1, ITEMS), more="item-0,gone.png,Fruit,1\n")
    report = full.take(prune=True)
    assert (report.removed, report.rejected) == (0, 1)
    assert full.items() == set(range(ITEMS))


@pytest.mark.parametrize("left", [range(7), range(0)])
def test_more_than_a_fifth_is_refused_unless_forced(full: FullManifest, left: range) -> None:
    full.write(*left, ITEMS, category="Moved")
    before = list(full.shop.catalogue.items()), full.shop.catalogue.seq()
    with pytest.raises(ManifestError, match="more than 20 % would be removed") as refused:
        full.take(prune=True)
    assert f"does not name {ITEMS - len(left)} of the shop's 10 items" in str(refused.value)
    assert (list(full.shop.catalogue.items()), full.shop.catalogue.seq()) == before
    assert full.take(prune=True, force=True).removed == ITEMS - len(left)
    assert full.items() == {*left, ITEMS}


def test_a_row_that_cannot_be_read_might_be_an_item(full: FullManifest) -> None:
    full.write(*range(1, ITEMS), more="item-0,0.png,Fruit,1,and,more\n")
    with pytest.raises(ManifestError, match="row 11 cannot be read, and might be one of the 1"):
        full.take(prune=True)
    assert full.take().would_be_removed == 1
    assert full.take(prune=True, force=True).removed == 1
    full.write(*range(1, ITEMS), more=",0.png,Fruit,1\n")  # without an id it can be no item's
    assert full.take(prune=True).removed == 0


def test_what_another_process_has_changed_meanwhile_stays(
    full: FullManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = Pruning.of

    def meanwhile(*arguments: object, **options: object) -> Pruning:
        found = planned(*arguments, **options)  # type: ignore[arg-type]
        cells = {"category": "New", "size": 9}
        rows = [{"item_id": f"item-{n}", "photos": [f"{n}.png"], **cells} for n in (0, ITEMS + 1)]
        upsert(full.shop, rows, folder=full.path.parent)
        return found

    full.write(*range(2, ITEMS))
    monkeypatch.setattr(Pruning, "of", meanwhile)
    assert full.take(prune=True).removed == 1
    assert full.items() == {0, *range(2, ITEMS), ITEMS + 1}


def test_nothing_goes_where_the_manifest_is_written_anew_meanwhile(
    full: FullManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = Pruning.remove

    def meanwhile(self: Pruning, *arguments: object) -> object:
        os.utime(full.path, ns=(1, 1))
        return remove(self, *arguments)  # type: ignore[arg-type]

    full.write(*range(1, ITEMS))
    monkeypatch.setattr(Pruning, "remove", meanwhile)
    with pytest.raises(ManifestError, match="nothing was removed: import it again"):
        full.take(prune=True)
    assert full.items() == set(range(ITEMS))


def test_the_next_build_drops_what_went_and_embeds_what_came(full: FullManifest) -> None:
    build(full.shop, embedder=TinyEmbedder())
    full.write(*range(2, ITEMS + 1))
    full.take(prune=True)
    embedder = TinyEmbedder()
    report = build(full.shop, embedder=embedder)
    assert (report.embedded, report.indexed, report.rows, report.waiting) == (1, 9, 9, 0)
    full.write(*range(ITEMS))  # what went comes back; the one that came goes
    full.take(prune=True)
    report = build(full.shop, embedder=embedder)
    assert (report.embedded, report.indexed, embedder.photos) == (0, 10, 1)


def test_other_categories_and_attributes_embed_nothing(full: FullManifest) -> None:
    build(full.shop, embedder=TinyEmbedder())
    for cells in ({"category": "Fresh fruit"}, {"category": "Food > Fruit"}, {"size": 5}):
        full.write(*range(ITEMS), **cells)
        assert full.take(prune=True).changed == ITEMS
        embedder = TinyEmbedder()
        report = build(full.shop, embedder=embedder)
        assert (report.embedded, embedder.photos, report.published) == (0, 0, True)
        assert (report.indexed, report.waiting) == (ITEMS, 0)
        version = IndexVersion.open(full.shop.indexes / report.version)
        (part,) = version.categories
        assert " > ".join(part.path) == cells.get("category", "Fruit")


def test_decisions_about_items_that_go_are_forgotten(tmp_path: Path) -> None:
    decided = DecidedShop(tmp_path)
    with decided.shop as shop:
        decided.decide(
            decided.row("a", "apple", "relabel", new_label="pear"),
            decided.row("f", "pear", "drop"),
            decided.row("g", "milk", "accept"),
        )
        assert {one.item_id for one in shop.catalogue.decisions()} == {"apple", "pear", "milk"}
        report = delete(shop, ["pear"])
        assert (report.deleted, report.forgotten) == (1, 2)
        assert [one.item_id for one in shop.catalogue.decisions()] == ["milk"]
        # The photo that had been moved to it is the apple's again, as the manifest says.
        again = decided.take()
        assert (again.added, again.changed, again.kept_decisions) == (1, 1, 0)
        assert decided.photos()["apple"][:2] == ["a", "h"]


def test_an_import_tells_the_decisions_that_it_forgets(tmp_path: Path) -> None:
    decided = DecidedShop(tmp_path)
    with decided.shop as shop:
        decided.decide(decided.row("a", "apple", "relabel", new_label="pear"))
        manifest = decided.root / "catalogue.csv"
        header, apple, _, milk = manifest.read_text().splitlines()
        manifest.write_text("\n".join([header, apple, milk]))
        report = import_manifest(shop, manifest, prune=True, force=True)
        (told,) = report.forgotten
        assert (told.item_id, told.field) == ("apple", "item_id")
        assert "“pear”" in told.reason
        assert decided.photos() == {"apple": ["a", "h", "d", "e"], "milk": ["c", "g"]}


def test_a_type_never_narrows(full: FullManifest) -> None:
    catalogue = full.shop.catalogue
    assert catalogue.set_attribute_types({"size": "text"}, convert)["size"] == "text"
    assert catalogue.set_attribute_types({"size": "int", "new": "int"}, convert) == {
        "size": "text",
        "new": "int",
    }
    full.write(*range(ITEMS), size=4)
    full.take()
    assert {item.attributes["size"] for item in catalogue.items()} == {"4"}


def live_row(full: FullManifest, number: int, name: str = "") -> dict[str, object]:
    photo = full.path.with_name(f"{number}.png")
    return {"item_id": name or f"item-{number}", "category": "Fruit", "photos": [photo]}


def test_what_came_by_upserts_stays_until_a_manifest_has_named_it(full: FullManifest) -> None:
    upsert(full.shop, [live_row(full, 10), live_row(full, 11)], folder=full.path.parent)
    report = full.take(prune=True)
    assert (report.removed, report.would_be_removed, report.never_named) == (0, 0, 2)
    assert report.to_json()["never_named"] == 2
    full.write(*range(ITEMS + 1))
    report = full.take(prune=True)  # names one of them, which is as it was
    assert (report.removed, report.unchanged, report.never_named) == (0, ITEMS, 1)
    full.write(*range(ITEMS))
    report = full.take()
    assert (report.would_be_removed, report.never_named) == (1, 1)
    assert full.take(prune=True).removed == 1
    assert full.items() == {*range(ITEMS), 11}
    delete(full.shop, ["item-11"])
    upsert(full.shop, [live_row(full, 11)], folder=full.path.parent)
    assert full.take(prune=True).never_named == 1


def test_an_upsert_of_what_a_manifest_has_named_leaves_it_the_manifests(full: FullManifest) -> None:
    upsert(full.shop, [live_row(full, 3) | {"size": 9}], folder=full.path.parent)
    full.write(*(n for n in range(ITEMS) if n != 3))
    report = full.take(prune=True)
    assert (report.removed, report.never_named) == (1, 0)


def test_a_row_that_is_wrong_names_its_item_all_the_same(full: FullManifest) -> None:
    upsert(full.shop, [live_row(full, 10)], folder=full.path.parent)
    full.write(*range(ITEMS), more="item-10,gone.png,Fruit,1\n")
    assert full.take(prune=True).never_named == 0
    full.write(*range(ITEMS))
    assert full.take(prune=True).removed == 1
