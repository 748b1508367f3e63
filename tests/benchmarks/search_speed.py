"""How fast search is, and how exact, beside peers: one run, one machine, one generator.

`python -m tests.benchmarks.search_speed --rows 100000,1000000 --peers faiss-hnsw,hnswlib --json
FILE` (`make bench-search`). Every engine is given the same vectors in the same order, has processes
of its own, builds on all cores, searches on one thread, and ends when its time
is up. Peers come with the extra `bench`; one that is not installed is named as absent.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from tests.benchmarks import search_data
from tests.benchmarks.machine import machine
from tests.benchmarks.search_child import CLOCKS
from tests.benchmarks.search_peers import ENGINES

# What libraries ask for how many threads to use, beside those that are told by a call.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LANCE_CPU_THREADS", "LANCE_IO_THREADS")

Measured = dict[str, Any]
"""Of one engine: "engine", "problem" or None, and the figures of each stage."""


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, print, and return what `--json` writes."""
    options = _parser().parse_args(arguments)
    told = f"{machine()}\npeers      {_peers()}\nload       {_load()}"
    print(told, flush=True)
    report = {"machine": told, "sizes": [_size(rows, options) for rows in options.rows]}
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return report


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="search_speed", description=__doc__)
    parser.add_argument("--rows", type=_numbers, default=[100_000], help="such as 100000,1000000")
    parser.add_argument("--peers", type=_names, default=list(ENGINES)[1:], help="besides ours")
    parser.add_argument("--seconds", type=float, default=900, help="for each engine and size")
    parser.add_argument(
        "--clock",
        choices=list(CLOCKS),
        default="wall",
        help="processor: seconds of all cores, where the machine is busy with other work",
    )
    parser.add_argument("--queries", type=int, default=512)
    parser.add_argument("--filtered", type=int, default=64, help="queries for each filter")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="a file for all figures")
    parser.add_argument("--folder", type=Path, help="where the vectors and indexes lie meanwhile")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _names(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    if unknown := sorted(set(names) - set(ENGINES)):
        raise argparse.ArgumentTypeError(f"no engine {unknown}; there are {list(ENGINES)}")
    return names


def _size(rows: int, options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        data = Path(name, "data")
        data.mkdir()
        search_data.make(data, rows, options.seed, options.queries, options.filtered)
        shape = f"{rows:,} × {search_data.DIM}, {search_data.K} nearest"
        print(f"\n{shape}, {options.clock} time", flush=True)
        engines = []
        for engine in ["ours", *(peer for peer in options.peers if peer != "ours")]:
            index = Path(name, engine)
            engines.append(measured(engine, data, index, options.seconds, options.clock))
            print(_lines(engines[-1]), flush=True)
    print(f"{_comparison(engines)}\n{_filter_table(engines)}", flush=True)
    told = {"rows": rows, "dim": search_data.DIM, "k": search_data.K, "clock": options.clock}
    return told | {"engines": engines}


def measured(engine: str, data: Path, index: Path, seconds: float, clock: str = "wall") -> Measured:
    """Return what one engine does; where it fails or runs out of time, what it had done before.

    Args:
        engine: its name.
        data: the folder of `search_data.make`.
        index: a folder for its index, not there yet.
        seconds: for everything together.
        clock: what the figures count, "wall" or "processor" time.
    """
    result: Measured = {"engine": engine, "problem": None, "search": [], "filter": []}
    package = ENGINES[engine].package
    if package and importlib.util.find_spec(package.replace("-", "_")) is None:
        return result | {"problem": "absent"}
    index.mkdir()
    until = time.monotonic() + seconds
    for stage in ("build", "search"):
        given = [engine, str(data), str(index), stage, clock]
        figures, problem = _run(given, until - time.monotonic(), alone=stage == "search")
        for found in figures:
            if found["stage"] in ("search", "filter"):
                result[found["stage"]].append(found)
            else:
                result[found["stage"]] = found
        if problem:
            return result | {"problem": f"{stage}: {problem}"}
    return result


def _run(given: list[str], seconds: float, *, alone: bool) -> tuple[list[Measured], str | None]:
    """Return the figures that a child printed, and what went wrong with it."""
    threads = dict.fromkeys(_THREADS, "1") if alone else {}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.search_child", *given],
            capture_output=True,
            env=os.environ | threads,
            timeout=max(seconds, 0.1),
            check=False,
        )
    except subprocess.TimeoutExpired as over:
        return _figures(over.stdout), "its time was up"
    if not done.returncode:
        return _figures(done.stdout), None
    # One that was killed, such as for want of memory, says nothing.
    told = done.stderr.decode().strip().splitlines()[-1:]
    return _figures(done.stdout), "".join(told) or f"it ended with {done.returncode}"


def _figures(printed: bytes | None) -> list[Measured]:
    return [json.loads(line) for line in (printed or b"").splitlines() if line.startswith(b"{")]


def nearest(engine: Measured, recall: float) -> Measured | None:
    """Return the figures of the effort whose recall is nearest to this one."""
    return min(engine["search"], key=lambda told: abs(told["recall"] - recall), default=None)


def _lines(engine: Measured) -> str:
    lines = [f"{engine['engine']:12}{engine['problem'] or ''}".rstrip()]
    parameter = ENGINES[engine["engine"]].parameter
    if build := engine.get("build"):
        lines.append(
            f"  built in {build['seconds']:.1f} s, {_mb(build['peak_bytes'])} more at the peak, "
            f"{_mb(build['disk_bytes'])} on disk"
        )
    for told in engine["search"]:
        effort = f"{parameter} {told['effort']}" if parameter else ""
        lines.append(
            f"  {effort:16}recall {told['recall']:.4f}  p50 {told['p50_ms']:8.3f} ms  "
            f"p99 {told['p99_ms']:8.3f} ms  batch-64 {told['batch_qps']:9.1f} queries/s"
        )
    if memory := engine.get("memory"):
        own, mapped = _mb(memory["own_bytes"]), _mb(memory["mapped_bytes"])
        lines.append(f"  served in {own} of its own and {mapped} mapped from files")
    return "\n".join(lines)


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


def _comparison(engines: Sequence[Measured]) -> str:
    ours = engines[0]["search"]
    lines = ["\nbeside ours, at the effort of the nearest recall: batch-64 queries/s"]
    for told in ours:
        lines.append(f"  ours          recall {told['recall']:.4f} {told['batch_qps']:9.1f}")
        for engine in engines[1:]:
            if near := nearest(engine, told["recall"]):
                times = told["batch_qps"] / near["batch_qps"]
                lines.append(
                    f"  {engine['engine']:14}recall {near['recall']:.4f} "
                    f"{near['batch_qps']:9.1f}, ours {times:.2f} times as many"
                )
    return "\n".join(lines)


def _filter_table(engines: Sequence[Measured]) -> str:
    """Return recall, p50 and queries per second under every filter, an engine a line."""
    names = list(dict.fromkeys(told["queries"] for one in engines for told in one["filter"]))
    lines = ["\nwithin a category: recall@10, p50 of one query in ms, batch-64 queries/s"]
    for name in names:
        lines.append(f"  {name}")
        for engine in engines:
            for told in engine["filter"]:
                if told["queries"] == name:
                    lines.append(
                        f"    {engine['engine']:12}{told['recall']:8.4f}{told['p50_ms']:10.3f}"
                        f"{told['batch_qps']:11.1f}"
                    )
    return "\n".join(lines)


def _peers() -> str:
    """Return the version of each peer's package, or that it is absent."""
    told = []
    for package in dict.fromkeys(engine.package for engine in ENGINES.values()):
        if package:
            try:
                told.append(f"{package} {metadata.version(package)}")
            except metadata.PackageNotFoundError:
                told.append(f"{package} absent")
    return ", ".join(told)


def _load() -> str:
    return " ".join(f"{load:.1f}" for load in os.getloadavg()) + " before the run (1, 5, 15 min)"


if __name__ == "__main__":
    main()
