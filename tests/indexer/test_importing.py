"""Importing: what is right comes in, what is wrong is told by row, and again changes nothing."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.catalogue import Counts, Item
from indexer.importing import ImportReport, import_manifest
from indexer.shop import Shop
from vsearch import images
from vsearch.errors import BusyError, ManifestError


def paint(path: Path, seed: int) -> Path:
    """Write a small photo that no other seed gives."""
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


class Folder:
    """A manifest's folder with a shop beside it."""

    def __init__(self, root: Path, shop: Shop) -> None:
        self.root = root
        self.shop = shop
        for seed, name in enumerate("abcdef"):
            paint(root / f"{name}.png", seed)

    def manifest(self, *rows: str, name: str = "catalogue.csv") -> Path:
        path = self.root / name
        path.write_text("\n".join(["item_id,image_path,category,title", *rows]))
        return path

    def photos(self, *rows: str, name: str = "photos.csv") -> Path:
        path = self.root / name
        path.write_text("\n".join(["item_id,image_path,split", *rows]))
        return path

    def take(self, manifest: Path, *photos: Path) -> ImportReport:
        return import_manifest(self.shop, manifest, photos=photos)

    def item(self, item_id: str) -> Item:
        found = self.shop.catalogue.get(item_id)
        assert found is not None
        return found

    def state(self) -> tuple[object, ...]:
        catalogue = self.shop.catalogue
        items = [*catalogue.items("ok"), *catalogue.items("rejected")]
        return items, list(catalogue.photos()), catalogue.seq(), catalogue.rejects()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    with Shop.create(tmp_path / "shop") as shop:
        yield Folder(tmp_path / "files", shop)


def told(report: ImportReport) -> list[tuple[int, str, str]]:
    return [(reject.row, reject.field, reject.value) for reject in report.rejects]


def test_a_catalogue_with_further_photos_comes_in(folder: Folder) -> None:
    manifest = folder.manifest("1,a.png,Fruit > Apple,Apple", "2,b.png,Fruit > Pear,")
    photos = folder.photos("1,c.png,train", "1,d.png,val", "2,e.png,test", "2,f.png,")
    report = folder.take(manifest, photos)
    assert (report.rows, report.added, report.photos_added, report.rejects) == (6, 2, 6, [])
    apple, pear = folder.item("1"), folder.item("2")
    assert (apple.title, apple.category) == ("Apple", ("Fruit", "Apple"))
    assert pear.title == "2"
    (photo,) = [p for p in folder.shop.catalogue.photos_of(apple.key) if p.role == "catalogue"]
    data = (folder.root / "a.png").read_bytes()
    assert photo.content_hash == images.content_hash(data)
    assert photo.path == folder.root / "a.png"
    assert (photo.width, photo.height) == (16, 12)
    splits = [p.split for _, p in folder.shop.catalogue.photos(role="further")]
    assert sorted(splits) == ["test", "train", "train", "val"]
    assert folder.shop.catalogue.counts(0) == Counts(2, 0, 2, 0)


def test_importing_again_changes_nothing_and_reads_no_photo_again(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = folder.manifest("1,a.png,Fruit,A", "2,gone.png,Fruit,B", ",c.png,Fruit,C")
    photos = folder.photos("1,d.png,val", "1,e.png,train", "9,f.png,train")
    first = folder.take(manifest, photos)
    before = folder.state()
    read: list[Path] = []

    def reading(path: Path, *, max_bytes: int) -> bytes:
        read.append(path)
        raise images.ImageError(images.ImageProblem.MISSING, f"there is no file {path}")

    monkeypatch.setattr(images, "read_photo", reading)
    second = folder.take(manifest, photos)
    assert folder.state() == before
    assert (second.added, second.changed, second.unchanged, second.photos_added) == (0, 0, 1, 0)
    assert second.rejects == first.rejects
    assert read == [folder.root / "gone.png"]


def test_a_photo_that_changed_on_disk_is_read_again(folder: Folder) -> None:
    manifest = folder.manifest("1,a.png,Fruit,A")
    folder.take(manifest)
    built = folder.shop.catalogue.seq()
    data = (folder.root / "b.png").read_bytes()
    (folder.root / "a.png").write_bytes(data)
    os.utime(folder.root / "a.png", ns=(1, 1))
    assert folder.take(manifest).changed == 1
    (photo,) = folder.shop.catalogue.photos_of(folder.item("1").key)
    assert photo.content_hash == images.content_hash(data)
    assert folder.shop.catalogue.counts(built).waiting == 1


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("gone.png", None, "there is no file"),
        ("empty.png", b"", "is empty"),
        ("text.png", b"hello, this is no photo", "no picture that we know"),
        ("cut.png", "cut", "was cut off"),
        ("big.png", b"x" * 5001, "at most 5,000 are accepted"),
        ("wide.png", "wide", "pixels"),
        ("sub", "folder", "is a folder"),
        ("../outside.png", None, "it leaves the manifest's folder"),
        ("/etc/hostname", None, "it leaves the manifest's folder"),
        ("link.png", "link", "it leaves the manifest's folder"),
        ("linked/outside.png", "linked", "it leaves the manifest's folder"),
        ("pipe.png", "pipe", "not a regular file"),
        ("x" * 300 + ".png", None, "cannot be read"),
        ("a\0.png", None, "it is not a path"),
        ("loop.png", "loop", "cannot be read"),
        ("ftp://example.com/a.png", None, "not an http or https URL"),
        ("file:///etc/hostname", None, "not an http or https URL"),
        ("https://example.com/a.png", None, "--remote-host example.com"),
    ],
)
def test_a_photo_that_cannot_be_used_is_rejected_and_the_rest_goes_on(
    folder: Folder, name: str, data: bytes | str | None, reason: str
) -> None:
    folder.shop.update_settings(max_bytes=5000, max_pixels=1000)
    outside = paint(folder.root.parent / "outside.png", 99)
    path = folder.root / name
    match data:
        case "cut":
            path.write_bytes((folder.root / "a.png").read_bytes()[:-60])
        case "wide":
            Image.new("RGB", (101, 10)).save(path)
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to(outside)
        case "linked":
            path.parent.symlink_to(outside.parent)
        case "loop":
            path.symlink_to(path)
        case bytes():
            path.write_bytes(data)
    report = folder.take(folder.manifest(f"1,{name},Fruit,A", "2,b.png,Fruit,B"))
    assert report.added == 1
    (reject,) = report.rejects
    assert (reject.row, reject.item_id, reject.field, reject.value) == (2, "1", "image_path", name)
    assert reason in reject.reason
    assert folder.shop.catalogue.rejects() == [reject]
    assert folder.shop.catalogue.counts(0) == Counts(2, 0, 1, 1)
    assert folder.item("1").reason == reject.reason


def test_names_on_disk_that_are_no_text_are_told(folder: Folder, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    paint(odd / "a.png", 1)
    (reject,) = folder.take(tmp_path / odd).rejects
    assert reject.reason == "the row has no category"
    paint(tmp_path / "tree" / odd.name / "a.png", 1)
    (reject,) = folder.take(tmp_path / "tree").rejects
    assert (reject.row, reject.value) == (1, "caf?/a")
    (odd / "m.csv").write_text("id,image_path,category\n1,a.png,X\n")
    (reject,) = folder.take(odd / "m.csv").rejects
    assert "it is not a path" in reject.reason


def test_links_and_dots_that_stay_inside_are_fine(folder: Folder) -> None:
    (folder.root / "link.png").symlink_to(folder.root / "a.png")
    (folder.root / "sub").mkdir()
    absolute = folder.root / "c.png"
    rows = ("1,link.png,X,", "2,sub/../b.png,X,", f"3,{absolute},X,")
    assert folder.take(folder.manifest(*rows)).added == 3


def test_rows_without_id_or_category_are_rejected(folder: Folder) -> None:
    rows = (",a.png,Fruit,A", "2,b.png,,B", "3,c.png,Fruit,C", "x\x07,d.png,Fruit,D")
    report = folder.take(folder.manifest(*rows))
    assert told(report) == [(2, "item_id", ""), (3, "category", ""), (5, "item_id", "x\x07")]
    assert folder.shop.catalogue.counts(0) == Counts(2, 0, 1, 1)
    assert folder.item("2").state == "rejected"


def test_an_id_repeated_in_a_manifest_is_rejected(folder: Folder) -> None:
    report = folder.take(folder.manifest("1,a.png,Fruit,A", "2,b.png,Fruit,B", "1,c.png,Fruit,C"))
    (reject,) = report.rejects
    assert (reject.row, reject.item_id, reject.value) == (4, "1", "1")
    assert "row 2 already" in reject.reason
    assert folder.item("1").title == "A"
    assert report.added == 2


def test_an_item_that_is_fine_stays_as_it_was_when_its_row_goes_bad(folder: Folder) -> None:
    folder.take(folder.manifest("1,a.png,Fruit,Good"))
    before = folder.item("1"), folder.shop.catalogue.seq()
    for row in ("1,gone.png,Fruit,Bad", "1,a.png,,Bad"):
        (reject,) = folder.take(folder.manifest(row)).rejects
        assert reject.reason.endswith("; the item stays as it was")
        assert (folder.item("1"), folder.shop.catalogue.seq()) == before


def test_a_mended_row_takes_its_reject_away(folder: Folder) -> None:
    folder.take(folder.manifest("1,gone.png,Fruit,A", ",b.png,Fruit,B", "3,c.png,,C"))
    assert folder.shop.catalogue.reject_count() == 3
    report = folder.take(folder.manifest("1,a.png,Fruit,A", "2,b.png,Fruit,B", "3,c.png,,C"))
    assert (report.added, report.changed) == (1, 1)
    assert [reject.row for reject in folder.shop.catalogue.rejects()] == [4]
    assert folder.item("1").state == "ok"


def test_rejects_of_other_manifests_stay(folder: Folder) -> None:
    folder.take(folder.manifest("1,gone.png,Fruit,A"))
    folder.take(folder.manifest("2,b.png,Fruit,B", name="other.csv"), folder.photos("7,c.png,val"))
    folder.take(folder.manifest("2,b.png,Fruit,B", name="other.csv"))
    assert [Path(reject.manifest).name for reject in folder.shop.catalogue.rejects()] == [
        "catalogue.csv",
        "photos.csv",
    ]


def test_a_reject_of_the_build_goes_when_the_photo_is_fine_again(folder: Folder) -> None:
    manifest = folder.manifest("1,a.png,Fruit,A")
    folder.take(manifest)
    (photo,) = folder.shop.catalogue.photos_of(folder.item("1").key)
    folder.shop.catalogue.reject_photo(photo.key, "its bytes changed")
    assert folder.item("1").state == "rejected"
    assert folder.take(manifest).changed == 1
    assert folder.item("1").state == "ok"
    assert folder.shop.catalogue.rejects() == []


def test_one_bad_photo_of_several_does_not_reject_the_item(folder: Folder) -> None:
    path = folder.root / "feed.tsv"
    path.write_text(
        "id\timage_link\tadditional_image_link\tproduct_type\n1\tgone.png\ta.png,b.png,a.png\tX\n"
    )
    report = folder.take(path)
    assert (report.added, report.photos_added) == (1, 2)
    assert told(report) == [(2, "image_link", "gone.png")]
    names = [p.path.name for p in folder.shop.catalogue.photos_of(folder.item("1").key)]
    assert names == ["a.png", "b.png"]


def test_photos_may_be_listed_in_one_column(folder: Folder) -> None:
    path = folder.root / "items.jsonl"
    path.write_text(
        '{"id": 1, "photos": ["a.png", "b.png"], "category": "X"}\n'
        '{"id": 2, "photos": "c.png, d.png", "category": "X"}\n{"id": 3, "category": "X"}\n'
    )
    report = folder.take(path)
    assert (report.added, report.photos_added) == (2, 4)
    assert told(report) == [(3, "", "")]
    assert report.rejects[0].reason == "the row names no photo"
    names = [p.path.name for p in folder.shop.catalogue.photos_of(folder.item("2").key)]
    assert names == ["c.png", "d.png"]


def test_photos_of_unknown_items_and_bad_splits_are_rejected(folder: Folder) -> None:
    photos = folder.photos("7,b.png,train", "1,c.png,dev", "1,gone.png,val", "1,d.png,val")
    report = folder.take(folder.manifest("1,a.png,Fruit,A"), photos)
    assert told(report) == [(2, "item_id", "7"), (3, "split", "dev"), (4, "image_path", "gone.png")]
    assert report.photos_added == 2


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_held_out_photo_that_is_also_trained_on_is_rejected(folder: Folder, split: str) -> None:
    (folder.root / "copy.png").write_bytes((folder.root / "a.png").read_bytes())
    manifest = folder.manifest("1,a.png,Fruit,A", "2,b.png,Fruit,B")
    photos = folder.photos(f"2,copy.png,{split}", "1,c.png,train", f"1,c.png,{split}")
    for _ in range(2):
        report = folder.take(manifest, photos)
        assert told(report) == [(2, "image_path", "copy.png"), (4, "image_path", "c.png")]
        assert "catalogue photo of item “1”" in report.rejects[0].reason
    assert list(folder.shop.catalogue.photos(splits=["val", "test"])) == []


def test_the_order_of_train_and_test_rows_does_not_matter(folder: Folder) -> None:
    manifest = folder.manifest("1,a.png,Fruit,A", "2,b.png,Fruit,B")
    photos = folder.photos("1,c.png,test", "2,c.png,train")
    (reject,) = folder.take(manifest, photos).rejects
    assert "came in for training with item “2”" in reject.reason
    sequence = folder.shop.catalogue.seq()
    (again,) = folder.take(manifest, photos).rejects
    assert (again.row, again.item_id) == (2, "1")
    assert folder.shop.catalogue.seq() == sequence
    assert [(i.item_id, p.split) for i, p in folder.shop.catalogue.photos(role="further")] == [
        ("2", "train")
    ]


def test_a_catalogue_photo_that_was_held_out_is_told_with_its_row(folder: Folder) -> None:
    folder.take(folder.manifest("1,a.png,Fruit,A"), folder.photos("1,c.png,test"))
    (reject,) = folder.take(folder.manifest("1,a.png,Fruit,A", "2,c.png,Fruit,C")).rejects
    assert (reject.row, reject.item_id) == (3, "1")
    assert "was a test photo" in reject.reason


def test_attributes_keep_one_type_from_import_to_import(folder: Folder) -> None:
    def take(*rows: str) -> ImportReport:
        path = folder.root / "m.csv"
        path.write_text("\n".join(["id,image_path,category,size,sku", *rows]))
        return folder.take(path)

    take("1,a.png,X,5,00123", "2,b.png,X,6.5,00124")
    assert folder.item("1").attributes == {"size": 5.0, "sku": "00123"}
    take("3,c.png,X,7,125")
    assert folder.item("3").attributes == {"size": 7.0, "sku": "125"}
    take("4,d.png,X,XL,126")
    assert folder.item("1").attributes == {"size": "5.0", "sku": "00123"}
    sequence = folder.shop.catalogue.seq()
    take("4,d.png,X,XL,126")
    assert folder.shop.catalogue.seq() == sequence


def test_category_columns_are_remembered(folder: Folder) -> None:
    path = folder.root / "m.csv"
    path.write_text("id,image_path,kind,category\n1,a.png,Fruit,Apple\n")
    import_manifest(folder.shop, path, category_columns=["kind", "category"])
    assert folder.item("1").category == ("Fruit", "Apple")
    assert folder.take(path).unchanged == 1
    with Shop.open(folder.shop.path) as again:
        assert again.settings.category_columns == ("kind", "category")
    import_manifest(folder.shop, path, category_columns=[])
    assert folder.item("1").category == ("Apple",)


def test_a_manifest_that_cannot_be_read_takes_nothing_in(folder: Folder) -> None:
    good = folder.manifest("1,a.png,Fruit,A")
    bad = folder.root / "bad.csv"
    bad.write_text('item_id,image_path\n1,"open\n')
    with pytest.raises(ManifestError, match=r"bad\.csv"):
        folder.take(good, bad)
    with pytest.raises(ManifestError, match=r"no column for the category"):
        folder.take(folder.photos("1,a.png,train"))
    with pytest.raises(ManifestError, match="no column “aisle”"):
        import_manifest(folder.shop, good, category_columns=["aisle"])
    assert folder.shop.catalogue.counts(0).items == 0
    assert folder.shop.settings.category_columns == ()


def test_two_imports_at_once_are_refused(folder: Folder) -> None:
    manifest = folder.manifest("1,a.png,Fruit,A")
    with folder.shop.lock("import"), pytest.raises(BusyError, match="another import"):
        folder.take(manifest)


def test_a_folder_of_category_folders_comes_in(folder: Folder, tmp_path: Path) -> None:
    paint(tmp_path / "tree" / "Fruit" / "Apple" / "red.png", 1)
    paint(tmp_path / "tree" / "Fruit" / "Apple" / "red.jpg", 2)
    report = folder.take(tmp_path / "tree")
    assert folder.item("Fruit/Apple/red").category == ("Fruit", "Apple")
    assert [reject.value for reject in report.rejects] == ["Fruit/Apple/red"]


def test_progress_and_report_add_up(folder: Folder) -> None:
    calls: list[tuple[str, int, int]] = []

    def progress(stage: str, done: int, total: int, /) -> None:
        calls.append((stage, done, total))

    manifest = folder.manifest("1,a.png,Fruit,A", "2,b.png,,B")
    report = import_manifest(
        folder.shop, manifest, photos=[folder.photos("1,c.png,val")], progress=progress
    )
    stages: Sequence[str] = [stage for stage, _, _ in calls]
    assert calls[0] == ("import", 0, 2)
    assert ("import", 2, 2) in calls
    assert calls[-1] == (stages[-1], 1, 1)
    data = report.to_json()
    assert data["rejected"] == 1
    assert data["rejects"] == [
        {
            "manifest": str(manifest),
            "row": 3,
            "item_id": "2",
            "field": "category",
            "value": "",
            "reason": "the row has no category",
        }
    ]
