"""Reading manifests: every format gives the same rows, and what is wrong is told with its place."""

import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from indexer.manifest import Manifest, Row, read_queries, read_rows
from indexer.records import Reject
from indexer.row_reader import Entry, PhotoEntry
from indexer.shop import Shop
from vsearch.errors import ManifestError

HEADER = "id,title,price,image_link,product_type"


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def entries(path: Path, *category: str) -> list[Entry]:
    manifest = Manifest.scan(path, category)
    found = list(manifest.catalogue_entries())
    assert not [entry for entry in found if isinstance(entry, Reject)]
    return [entry for entry in found if isinstance(entry, Entry)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "id,title\n1,Pear\n2,Plum\n"),
        ("semicolon.csv", "id;title\r\n1;Pear\r\n2;Plum\r\n"),
        ("bom.csv", b"\xef\xbb\xbfid,title\n1,Pear\n2,Plum"),
        ("quoted.csv", '"id","title"\n"1","Pear"\n"2","Plum"\n'),
        ("a.tsv", "id\ttitle\n1\tPear\n2\tPlum\n"),
        ("google.txt", "id\ttitle\n1\tPear\n2\tPlum\n"),
        ("pipe.txt", "id|title\n1|Pear\n2|Plum\n"),
        ("mac.csv", "id,title\r1,Pear\r2,Plum\r"),
        ("a.jsonl", '{"id": "1", "title": "Pear"}\n{"id": "2", "title": "Plum"}\n'),
        ("a.ndjson", '{"id":"1","title":"Pear"}\r\n{"id":"2","title":"Plum"}'),
    ],
)
def test_text_formats_give_the_same_rows(tmp_path: Path, name: str, text: str | bytes) -> None:
    rows = list(read_rows(write(tmp_path / name, text)))
    assert [row.values for row in rows] == [
        {"id": "1", "title": "Pear"},
        {"id": "2", "title": "Plum"},
    ]
    first = 1 if name.endswith("json") or "json" in name else 2
    assert [row.number for row in rows] == [first, first + 1]


def test_parquet_gives_the_same_rows_with_their_types(tmp_path: Path) -> None:
    table = pyarrow.table({"id": [1, 2], "title": ["Pear", None], "new": [True, False]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet", row_group_size=1)
    assert list(read_rows(tmp_path / "a.parquet")) == [
        Row(1, {"id": 1, "title": "Pear", "new": True}),
        Row(2, {"id": 2, "title": None, "new": False}),
    ]


def test_row_numbers_are_lines_as_an_editor_shows_them(tmp_path: Path) -> None:
    text = 'id,title\n\n1,"two\nlines"\n2,Plum\n\n\n3,Fig\n'
    rows = list(read_rows(write(tmp_path / "a.csv", text)))
    assert [(row.number, row.values["id"]) for row in rows] == [(3, "1"), (5, "2"), (8, "3")]


def test_a_folder_of_folders_names_items_and_categories(tmp_path: Path) -> None:
    for name in (
        "Fruit/Apple/golden_one.JPG",
        "Fruit/pear.png",
        "lone.webp",
        "Fruit/notes.txt",
        "Fruit/.hidden.jpg",
        ".trash/x.jpg",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = list(Manifest.scan(tmp_path).catalogue_entries())
    assert [(e.item_id, e.title, e.category) for e in found if isinstance(e, Entry)] == [
        ("lone", "lone", ()),
        ("Fruit/pear", "pear", ("Fruit",)),
        ("Fruit/Apple/golden_one", "golden one", ("Fruit", "Apple")),
    ]
    lone = found[0]
    assert isinstance(lone, Entry)
    assert lone.fault is not None
    assert lone.fault.reason == "the row has no category"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("none.csv", None, "there is no manifest"),
        ("a.xlsx", "x", r"no kind of manifest that is known: expected \.csv"),
        ("empty.csv", "", "is empty: expected a line with the names"),
        ("empty.jsonl", "", "is empty: expected one JSON object per line"),
        (
            "latin.csv",
            b"id,title\n1,ok\n2,Birne\xe9\n",
            r"latin.csv, line 3: byte 0xe9 is not UTF-8",
        ),
        ("wide.csv", "id,title\n".encode("utf-16"), "is in UTF-16: save it as UTF-8"),
        ("latin.jsonl", b'{"id": "1"}\n{"id": "\xe9"}\n', "line 2: byte 0xe9"),
        ("quote.csv", 'id,title\n1,"ok"\n2,"open\n3,x\n', "line 3: .*is a quotation mark missing"),
        ("twice.csv", "id,title,id\n1,x,2\n", "two columns are called “id”"),
        ("same.csv", "Image Src,image_src\n1,x\n", "two columns mean the same"),
        ("a.parquet", "no parquet", "cannot be read as Parquet"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_told(
    tmp_path: Path, name: str, text: str | bytes | None, told: str
) -> None:
    if text is not None:
        write(tmp_path / name, text)
    with pytest.raises(ManifestError, match=told):
        Manifest.scan(tmp_path / name)


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="holds no photos"):
        Manifest.scan(tmp_path)


@pytest.mark.parametrize(
    ("name", "lines", "told"),
    [
        ("a.csv", ["id,title", "1,2,3"], "it has 3 cells, the header has 2 columns"),
        ("a.jsonl", ['{"id": 1'], "it is not JSON"),
        ("a.jsonl", ["[1]"], "it is not a JSON object"),
        ("a.jsonl", ['{"id": "\\ud800"}'], "half a character"),
        ("a.jsonl", ["[" * 100_000], "it is not JSON"),
    ],
)
def test_a_row_that_cannot_be_understood_does_not_stop_the_rest(
    tmp_path: Path, name: str, lines: list[str], told: str
) -> None:
    good = "3,Plum" if name == "a.csv" else '{"id": "3"}'
    *_, bad, last = read_rows(write(tmp_path / name, "\n".join([*lines, good])))
    assert bad.problem is not None
    assert told in bad.problem
    assert (last.problem, last.values["id"]) == (None, "3")
    assert (bad.number, last.number) == (len(lines), len(lines) + 1)


def test_a_long_description_is_a_cell_like_others(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f"id,body\n1,{'x' * 500_000}\n")
    (row,) = read_rows(path)
    assert len(str(row.values["body"])) == 500_000


def test_a_google_feed_is_understood(tmp_path: Path) -> None:
    text = (
        "g:id\tg:title\tg:image link\tg:additional_image_link\tg:product_type\t"
        "g:google_product_category\tg:item_group_id\tg:price\tg:availability\n"
        "00123\tRed  shoe\ta.jpg\tb.jpg, c.jpg\tShoes > Sneakers\t187\tshoe\t12.90 EUR\tin stock\n"
    )
    (entry,) = entries(write(tmp_path / "feed.txt", text))
    assert (entry.item_id, entry.title, entry.group_id) == ("00123", "Red shoe", "shoe")
    assert entry.category == ("Shoes", "Sneakers")
    assert [photo.text for photo in entry.photos] == ["a.jpg", "b.jpg", "c.jpg"]
    assert entry.attributes == {
        "product_type": "Shoes > Sneakers",
        "google_product_category": 187,
        "price": 12.9,
        "currency": "EUR",
        "availability": "in stock",
    }


def test_a_shopify_export_joins_the_rows_of_a_handle(tmp_path: Path) -> None:
    text = (
        "Handle,Title,Vendor,Product Category,Type,Tags,Variant SKU,Variant Price,"
        "Image Src,Image Position,Variant Image\n"
        'mug,Mug,Potter,Home > Mugs,,"blue, big",M-1,9.50,mug2.jpg,2,\n'
        "mug,,,,,,M-2,10.50,mug1.jpg,1,\n"
        "mug,,,,,,M-3,11.50,,,red.jpg\n"
        "jug,Jug,Potter,Home > Jugs,,,J-1,20,jug.jpg,1,\n"
    )
    mug, jug = entries(write(tmp_path / "products_export.csv", text))
    assert (mug.item_id, mug.title, mug.category) == ("mug", "Mug", ("Home", "Mugs"))
    assert [photo.text for photo in mug.photos] == ["mug1.jpg", "mug2.jpg", "red.jpg"]
    assert [photo.row for photo in mug.photos] == [3, 2, 4]
    assert (mug.row, jug.row) == (2, 5)
    assert mug.attributes == {
        "vendor": "Potter",
        "product_category": "Home > Mugs",
        "tags": "blue, big",
        "variant_sku": "M-1",
        "price": 9.5,
    }


def test_the_category_comes_from_one_column_of_the_whole_manifest(tmp_path: Path) -> None:
    text = "id,image_path,product_type,google_product_category\n1,a.jpg,,9\n2,b.jpg,Hats,8\n"
    first, second = entries(write(tmp_path / "a.csv", text))
    assert first.fault is not None
    assert (first.fault.field, first.fault.row) == ("product_type", 2)
    assert second.category == ("Hats",)
    (only,) = entries(write(tmp_path / "b.csv", "\n".join(text.splitlines()[:2])))
    assert only.category == ("9",)


def test_the_category_comes_from_several_columns_where_they_are_named(tmp_path: Path) -> None:
    text = (
        "id,image_path,Department,category,kind\n"
        "1,a.jpg,Fruit,Apple > Red,Tart\n"
        "2,b.jpg,Fruit,Pear,\n"
        "3,c.jpg,Fruit,,Sweet\n"
        "4,d.jpg,,,\n"
    )
    path = write(tmp_path / "a.csv", text)
    found = entries(path, "department", "Category", "kind")
    assert [entry.category for entry in found[:2]] == [
        ("Fruit", "Apple", "Red", "Tart"),
        ("Fruit", "Pear"),
    ]
    faults = [entry.fault.reason for entry in found[2:] if entry.fault]
    assert faults == [
        "a level of the category is empty although a deeper one is not",
        "the row has no category",
    ]
    assert found[0].attributes == {"department": "Fruit", "kind": "Tart"}
    with pytest.raises(ManifestError, match=r"no column “aisle”.*columns are id, image_path"):
        Manifest.scan(path, ["aisle"])


def test_lists_in_json_are_paths_and_photos(tmp_path: Path) -> None:
    row = {
        "id": 7,
        "image_path": "a.jpg",
        "additional_images": ["b,1.jpg", None, "c.jpg"],
        "category": ["A > B", None, "C"],
        "further_categories": ["Sale", "Season > Autumn"],
        "sizes": ["S", "M"],
        "box": {"w": 1},
        "gone": None,
        "odd": float("nan"),
    }
    (entry,) = entries(write(tmp_path / "a.jsonl", json.dumps(row)))
    assert entry.item_id == "7"
    assert [photo.text for photo in entry.photos] == ["a.jpg", "b,1.jpg", "c.jpg"]
    assert entry.category == ("A > B", "C")
    assert entry.further_paths == (("Sale",), ("Season", "Autumn"))
    assert entry.attributes == {"sizes": "S | M", "box": '{"w": 1}'}


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ('""', "the row has no id"),
        ('"  "', "the row has no id"),
        ("null", "the row has no id"),
        ("1.5", "an id must be a text or a whole number"),
        ("true", "an id must be a text or a whole number"),
        (f'"{"x" * 201}"', "the id has 201 characters, at most 200"),
        ('"a\\u0007b"', "the id holds control characters"),
        ('"a\\u2028b"', "the id holds control characters"),
    ],
)
def test_a_row_without_a_usable_id_is_rejected(tmp_path: Path, cell: str, told: str) -> None:
    line = f'{{"id": {cell}, "image_path": "a.jpg", "category": "X"}}'
    (reject,) = Manifest.scan(write(tmp_path / "a.jsonl", line)).catalogue_entries()
    assert isinstance(reject, Reject)
    assert told in reject.reason
    assert (reject.row, reject.field, reject.item_id) == (1, "id", None)
    assert len(reject.value) <= 500
    assert "a.jsonl, row 1: id" in str(reject)


@pytest.mark.parametrize(
    ("row", "field", "told"),
    [
        ("1,a.jpg,,", "category", "the row has no category"),
        ("1,a.jpg, > ,", "category", "the row has no category"),
        (f"1,a.jpg,{'x' * 751},", "category", "the category has 751 characters"),
        ("1,a.jpg,A\x07,", "category", "the category holds control characters"),
        ("1,,A,", "image_path", "the row names no photo"),
        ("1,a.jpg,A,test", "split", "a catalogue photo is always of split train"),
    ],
)
def test_a_row_with_an_id_says_what_is_wrong_with_it(
    tmp_path: Path, row: str, field: str, told: str
) -> None:
    path = write(tmp_path / "a.csv", f"id,image_path,category,split\n{row}\n")
    (entry,) = entries(path)
    assert entry.fault is not None
    assert (entry.fault.field, entry.fault.row, entry.fault.item_id) == (field, 2, "1")
    assert told in entry.fault.reason


def test_a_price_that_is_none_is_told_and_the_item_goes_on(tmp_path: Path) -> None:
    text = f'{HEADER}\n1,Ring,on request,a.jpg,Rings\n2,Band,"1.299,00 €",b.jpg,Rings\n'
    ring, band = entries(write(tmp_path / "a.csv", text))
    assert ring.fault is None
    assert [(note.field, note.value, note.row) for note in ring.notes] == [
        ("price", "on request", 2)
    ]
    assert "price" not in ring.attributes
    assert (band.attributes["price"], band.attributes["currency"]) == (1299.0, "EUR")


@pytest.mark.parametrize("missing", ["item_id", "photo", "category"])
def test_a_column_that_is_missing_is_told_with_the_choices(tmp_path: Path, missing: str) -> None:
    columns = {"item_id": "sku", "photo": "image", "category": "product_type"}
    del columns[missing]
    text = ",".join([*columns.values(), "x"]) + "\n" + ",".join("1" * (len(columns) + 1)) + "\n"
    manifest = Manifest.scan(write(tmp_path / "a.csv", text))
    with pytest.raises(ManifestError, match=r"a\.csv has no column for the .*its columns are"):
        manifest.require("item_id", "photo", "category")


def test_further_photos_have_a_split(tmp_path: Path) -> None:
    text = "item_id,image_path,split\n1,a.jpg,val\n1,b.jpg,\n1,c.jpg,dev\n,d.jpg,\n1,,test\n"
    found = list(Manifest.scan(write(tmp_path / "p.csv", text)).photo_entries())
    good = [entry for entry in found if isinstance(entry, PhotoEntry)]
    assert [(entry.photo.text, entry.split) for entry in good] == [
        ("a.jpg", "val"),
        ("b.jpg", "train"),
    ]
    bad = [entry for entry in found if isinstance(entry, Reject)]
    assert [(entry.row, entry.field, entry.value) for entry in bad] == [
        (4, "split", "dev"),
        (5, "item_id", ""),
        (6, "image_path", ""),
    ]
    assert "expected one of train, val, test" in bad[0].reason


def test_queries_are_read_as_the_shop_reads_its_manifests(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    text = (
        "image_path,split,item_id,category,department,year\n"
        "a.jpg,test,7,Apple,Fruit,2020\n"
        "a.jpg,val,7,Apple,Fruit,2020\n"
        "a.jpg,test,,Leek,Vegetables,2021\n"
        "a.jpg,test,,,,2022\n"
        "gone.jpg,test,8,Apple,fruit,2020\n"
        "../a.jpg,test,9,Apple,Fruit,2020\n"
        ",test,9,Apple,Fruit,2020\n"
        "a.jpg,test,9,,Fruit > ,\n"
        "a.jpg,tset,9,Apple,Fruit,2020\n"
        "a.jpg,test,9,Apple,Fruit,2020,7\n"
    )
    path = write(tmp_path / "queries.csv", text)
    with Shop.create(tmp_path / "shop") as shop:
        shop.update_settings(category_columns=("department", "category"))
        found, rejects = read_queries(shop, path)
        assert [(query.item_id, query.category) for query in found] == [
            ("7", ("Fruit", "Apple")),
            (None, ("Vegetables", "Leek")),
            (None, None),
            ("9", ("Fruit",)),
        ]
        assert found[0].path == tmp_path / "a.jpg"
        assert found[0].attributes == {"department": "Fruit", "year": 2020}
        assert [(reject.row, reject.field) for reject in rejects] == [
            (6, "image_path"),
            (7, "image_path"),
            (8, "image_path"),
            (10, "split"),
            (11, "row"),
        ]
        only, rejects = read_queries(shop, path, "test", {"Department": "FRUIT", "year": "2020"})
        assert ([query.item_id for query in only], len(rejects)) == (["7"], 5)
        assert len(read_queries(shop, path, "val")[0]) == 1
        with pytest.raises(ManifestError, match=r"no column “colour”, only image_path, split"):
            read_queries(shop, path, "test", {"colour": "red"})
        with pytest.raises(ManifestError, match="“dev” is no split"):
            read_queries(shop, path, "dev")


def test_queries_without_split_and_truth_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    path = write(tmp_path / "queries.csv", "photo,note\na.jpg,blurred\n")
    with Shop.create(tmp_path / "shop") as shop:
        shop.update_settings(category_columns=("department", "category"))
        ((query,), rejects) = read_queries(shop, path)
    assert (query.item_id, query.category, rejects) == (None, None, [])
    assert query.attributes == {"note": "blurred"}
