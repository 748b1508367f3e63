"""A small run of the load benchmark: what it counts, and not how fast anything is."""

import sys
from pathlib import Path
from typing import Any

from indexer.shop import Current
from tests.benchmarks.api_load import LEAST, Bench, changes, prepare, throughput, verdict
from tests.benchmarks.api_servers import SERVE

SETUP = "import pytest, runpy, sys; from tests.indexer.tiny_network import offer_tiny; "
TINY = SETUP + "offer_tiny(pytest.MonkeyPatch()); "
RUN = TINY + "module = sys.argv.pop(1); runpy.run_module(module, run_name='__main__')"


def small(trained: Path, folder: Path, **given: Any) -> tuple[Bench, list[Current]]:
    serve = (SERVE[0], "-c", TINY + SERVE[2], *SERVE[3:])
    return prepare(
        trained / "shop", folder, serve=serve, program=(sys.executable, "-c", RUN), **given
    )


def test_the_server_is_measured_beside_the_bare_network_and_the_least_of_servers(
    trained: Path, tmp_path: Path
) -> None:
    bench, _ = small(trained, tmp_path, many=3, seconds=0.5, rounds=1)
    told = throughput(bench)
    assert {"bare", "search", "search, no batching", "classify", LEAST} <= told["rounds"].keys()
    for name in ("search", "classify", LEAST):
        (one,) = told["rounds"][name]
        assert one["statuses"] == {"200": one["requests"]}
        assert one["requests"] > 0
    bare = told["medians"]["bare"]["files_per_second"]
    assert told["uvicorn_of_bare_files"] == told["medians"][LEAST]["per_second"] / bare


def test_no_answer_fails_or_is_mixed_while_others_switch_pairs_and_take_items_in(
    trained: Path, tmp_path: Path
) -> None:
    bench, pairs = small(trained, tmp_path, many=6)
    told = changes(bench, pairs, seconds=4, switches=3, upserts=12)
    assert (told["switches"], told["upserts"]) == (3, 12)
    assert (told["failed"], told["mixed"]) == (0, 0)
    assert told["lowest"][0] > -0.05
    assert told["requests"] > 0
    # Both servers have answered with both pairs.
    assert len(told["servers"]) == 2
    for server in told["servers"]:
        assert {(model, index) for model, index, _ in server["pairs"]} == {
            (pair.model, pair.index) for pair in pairs
        }


def test_the_benchmark_sees_what_fails_and_what_is_mixed() -> None:
    answered = {
        "statuses": {"200": 7, "503": 2, "0": 1},
        "pairs": [["m", "i", 5], ["m", "j", 2]],
        "lowest": [-0.7, "3.jpg"],
    }
    told = verdict([answered], [Current("m", "i")])
    assert (told["requests"], told["failed"], told["mixed"]) == (10, 3, 2)
    assert told["lowest"] == [-0.7, "3.jpg"]
    assert told["answered_by"] == {"m + i": 5, "m + j": 2}
