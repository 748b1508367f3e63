"""One engine in a process of its own: what it builds, and how it searches.

`python -m tests.benchmarks.search_child ENGINE DATA INDEX build|search wall|processor` prints one
JSON object a line. A process each keeps memory apart, and can be ended when its time is up.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tests.benchmarks.search_data import ENOUGH, QuerySet, Rows, SearchData
from tests.benchmarks.search_engines import Engine
from tests.benchmarks.search_peers import ENGINES

T = TypeVar("T")
Clock = Callable[[], float]

BATCH = 64
_SECONDS = 4.0  # of every figure
_PASSES = 5

CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "processor": time.process_time}

Figures = dict[str, Any]


def main() -> None:
    name, data, index, stage, clock = sys.argv[1:]
    engine, folder = ENGINES[name](), Path(index)
    if engine.package:
        importlib.import_module(engine.package.replace("-", "_"))
    measured = _build if stage == "build" else _search
    for figures in measured(engine, SearchData.load(Path(data)), folder, CLOCKS[clock]):
        print(json.dumps(figures), flush=True)


def _build(engine: Engine, data: SearchData, folder: Path, clock: Clock) -> Iterator[Figures]:
    before = _memory()
    started = clock()
    engine.build(data.vectors, data.categories, folder)
    seconds = clock() - started
    files = [path for path in folder.rglob("*") if path.is_file()]
    yield {
        "stage": "build",
        "seconds": seconds,
        "peak_bytes": _memory()["peak_bytes"] - before["own_bytes"] - before["mapped_bytes"],
        "disk_bytes": sum(path.stat().st_size for path in files),
    }


def _search(engine: Engine, data: SearchData, folder: Path, clock: Clock) -> Iterator[Figures]:
    everywhere, *filtered = data.queries
    before = _memory()
    started = clock()
    engine.open(folder)
    engine.search(everywhere.vectors[:1], engine.efforts[0], None)
    yield {"stage": "open", "seconds": clock() - started}
    enough: list[int] = []
    for effort in engine.efforts:
        figures = _measured(engine, data, everywhere, effort, clock)
        yield {"stage": "search", "effort": effort, **figures}
        enough += [effort] if figures["recall"] >= ENOUGH else []
    yield {"stage": "memory", **{key: size - before[key] for key, size in _memory().items()}}
    chosen = enough[0] if enough else engine.efforts[-1]
    for queries in filtered if engine.filters else ():
        figures = _measured(engine, data, queries, chosen, clock)
        yield {"stage": "filter", "effort": chosen, "queries": queries.name, **figures}


def _measured(
    engine: Engine, data: SearchData, queries: QuerySet, effort: int, clock: Clock
) -> Figures:

    def ask(some: slice) -> Rows:
        return engine.search(queries.vectors[some], effort, queries.category)

    def timed(some: slice) -> tuple[float, Rows]:
        started = clock()
        rows = ask(some)
        return clock() - started, rows

    size = len(queries.vectors)
    ask(slice(0, 1))
    singly = [timed(slice(i, i + 1)) for i in _within(_SECONDS, range(size))]
    single = 1000 * np.array([seconds for seconds, _ in singly])
    batches = [slice(start, start + BATCH) for start in range(0, size, BATCH)]
    # Who takes longer than that for one pass gets no other.
    passes = [
        [timed(batch) for batch in _within(_SECONDS / _PASSES, batches)]
        for _ in _within(_SECONDS, range(_PASSES))
    ]
    # The best of each batch: what else the machine does meanwhile is no part of the answer.
    best = [min(seconds for seconds, _ in same) for same in zip(*passes, strict=False)]
    found = np.concatenate([rows for _, rows in passes[0]])
    alone = np.concatenate([rows for _, rows in singly])
    return {
        # The worse: who answers otherwise in a batch must not hide it.
        "recall": min(data.recall(queries, rows) for rows in (found, alone)),
        "p50_ms": float(np.percentile(single, 50)),
        "p99_ms": float(np.percentile(single, 99)),
        "batch_qps": sum(len(rows) for _, rows in passes[0][: len(best)]) / sum(best),
    }


def _within(seconds: float, things: Iterable[T]) -> Iterator[T]:
    """Yield things until the time is up, one at least."""
    until = time.perf_counter() + seconds
    for thing in things:
        yield thing
        if time.perf_counter() > until:
            return


def _memory() -> dict[str, int]:
    """Return bytes that this process has by itself, has mapped from files, and ever had at once.

    All 0 where the system does not tell (only Linux does).
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    told = dict(line.split(":", 1) for line in lines)
    kinds = {"own_bytes": "RssAnon", "mapped_bytes": "RssFile", "peak_bytes": "VmHWM"}
    return {kind: 1024 * int(told.get(name, "0").split()[0]) for kind, name in kinds.items()}


if __name__ == "__main__":
    main()
