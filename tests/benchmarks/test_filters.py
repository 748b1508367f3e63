"""Filters and facets over a million items: the database beside columns in memory."""

import json
import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import pytest

from indexer.catalogue import Catalogue
from indexer.facets import facets
from indexer.filter_syntax import CATEGORY, Field, fields_of
from indexer.filters import parse_filter
from indexer.live_columns import LiveColumns
from tests.benchmarks.machine import machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

T = TypeVar("T")

ITEMS = 1_000_000
TYPES = {
    "brand": "text",
    "colour": "text",
    "price": "float",
    "in_stock": "bool",
    "year": "int",
    "season": "text",
    "rating": "float",
    "weight": "int",
    "material": "text",
    "rare": "text",
}
FACETS = [Field("brand", "text"), Field("colour", "text"), Field("in_stock", "bool"), CATEGORY]
FACETS += [Field("price", "number"), Field("weight", "number")]
COLOURS = "black white red blue green navy beige pink grey brown yellow orange".split()  # noqa: SIM905
THINGS = "shirt shoe bag dress belt watch ring scarf coat jacket trousers lamp".split()  # noqa: SIM905
FURTHER = [["Sale"], ["Season", "Summer"], ["Season", "Winter"], ["Gifts", "For her"]]
FILTERS = {
    "50 %": "price < 33.1",
    "5 %": "price < 6.4",
    "0.5 %": "price < 2.5",
    "0.01 %": "price < 0.8",
    "a rare value": "rare = 'yes'",
    "three fields": "price < 50 and brand = 'Brand 3' and in_stock",
    "a complement": "not (colour = 'red' or brand in ('Brand 1', 'Brand 2'))",
    "a tenth of the categories": "category within 'Department 3'",
    "one category": "category within 'Department 3 > Group 3 > Kind 3'",
    "further paths only": "category within 'Sale'",
    "title like": "title like '%shirt%'",
}


def attributes(rng: random.Random) -> dict[str, object]:
    told: dict[str, object] = {
        "brand": f"Brand {min(int(rng.paretovariate(0.7)), 2000)}",
        "colour": rng.choice(COLOURS),
        "price": round(rng.lognormvariate(3.5, 1), 2),
        "in_stock": rng.random() < 0.9,
        "year": rng.randint(2005, 2024),
        "rating": round(5 * rng.random(), 1),
        "weight": rng.randint(10, 50_000),
        "material": f"{rng.choice(THINGS)} {rng.choice(COLOURS)}",
    }
    if rng.random() < 0.7:
        told["season"] = rng.choice(["Spring", "Summer", "Fall", "Winter"])
    if rng.random() < 1e-4:
        told["rare"] = "yes"
    return told


def rows(rng: random.Random) -> Iterator[tuple[object, ...]]:
    for number in range(ITEMS):
        further = json.dumps([rng.choice(FURTHER)] if rng.random() < 0.05 else [])
        title = f"{rng.choice(COLOURS)} {rng.choice(THINGS)} {number}"
        told = json.dumps(attributes(rng), sort_keys=True)
        yield f"SKU{number}", title, rng.randint(1, 1000), further, told, number + 1


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    opened = Catalogue.open(tmp_path_factory.mktemp("million") / "catalogue.db")
    paths = [
        (f"Department {n // 100}", f"Group {n // 10 % 10}", f"Kind {n % 10}") for n in range(1000)
    ]
    with opened.transaction() as connection:
        connection.executemany(
            "INSERT INTO categories (path) VALUES (?)", [(json.dumps(path),) for path in paths]
        )
        connection.executemany(
            "INSERT INTO items "
            "(item_id, title, category_id, further_paths, attributes, state, seq) "
            "VALUES (?, ?, ?, ?, ?, 'ok', ?)",
            rows(random.Random(0)),
        )
        connection.execute(
            "INSERT INTO changes (seq, item_key, kind, at) "
            "SELECT seq, item_key, 'added', '' FROM items"
        )
        connection.executemany("INSERT INTO attribute_types VALUES (?, ?)", TYPES.items())
    yield opened
    opened.close()


def best(work: Callable[[], T], repeats: int = 5) -> tuple[float, T]:
    """Return the least time of `work` in milliseconds, and what it returned."""
    least = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        result = work()
        least = min(least, 1000 * (time.perf_counter() - started))
    return least, result


def test_filters_and_facets_of_a_million_items(catalogue: Catalogue) -> None:
    print(f"\n{machine()}\n{ITEMS:,} items of {len(TYPES)} attributes: ms, the best of five")
    live = LiveColumns(catalogue)
    spent, _ = best(lambda: live.current([Field("price", "number")]), 1)
    print(f"  reading the first field {spent:.0f}", end="")
    spent, columns = best(lambda: live.current(FACETS), 1)
    print(f", five more at once {spent:.0f}")
    # Rows as a version has them: sorted by category and item.
    keys = columns.keys[np.argsort(columns.columns[CATEGORY].codes, kind="stable")]
    print(f"  {'filter':26}{'items':>9}{'database':>10}{'columns':>9}{'rows':>7}")
    for name, text in FILTERS.items():
        wanted = parse_filter(text, live.fields())
        live.current(fields_of(wanted))
        in_memory, found = best(lambda: live.matching_keys(wanted))
        in_database, expected = best(lambda: catalogue.matching_keys(wanted), 2)
        np.testing.assert_array_equal(found, expected)
        to_rows, _ = best(lambda: np.isin(keys, found))
        print(f"  {name:26}{len(found):9,}{in_database:10.0f}{in_memory:9.2f}{to_rows:7.2f}")
    wanted = parse_filter(FILTERS["three fields"], live.fields())
    columns = live.current([*fields_of(wanted), *FACETS])
    for field in FACETS:
        print(f"  facet {field.name:20}{best(lambda: facets(columns, [field], wanted))[0]:9.2f}")
    print(f"  all six                   {best(lambda: facets(columns, FACETS, wanted))[0]:9.2f}")


def test_columns_after_a_change(catalogue: Catalogue) -> None:
    live = LiveColumns(catalogue)
    live.current([*FACETS, Field("title", "text")])
    print("\n  columns of seven fields, caught up with changed items: ms")
    for changed in (1, 100, 10_000):
        with catalogue.transaction() as connection:
            connection.execute(
                "UPDATE items SET attributes = json_set(attributes, '$.price', abs(random() % 99)) "
                "WHERE item_key <= ?",
                (changed,),
            )
            connection.execute(
                "INSERT INTO changes (item_key, kind, at) "
                "SELECT item_key, 'changed', '' FROM items WHERE item_key <= ?",
                (changed,),
            )
        print(f"  {changed:7,} {best(live.current, 1)[0]:9.1f}")
