"""Exact search on a GPU by FAISS and by JAX, beside the CPU and beside what the memory allows.

With CUDA 12, in an environment made by `make .venv DEVICE=gpu` (CUDA 13: `DEVICE=gpu-cu13`):

    .venv/bin/python -m tests.benchmarks.gpu_search --json figures.json      # 1M and 10M × 256
    .venv/bin/python -m pytest -m gpu                                        # what must hold

On a machine that has JAX for CUDA 13 and no cuVS, where no FAISS wheel for GPUs fits, `faiss-cpu`
serves the CPU's part, and JAX alone searches on the GPU; no network is needed for either. One size
a command keeps each within a few minutes:

    XLA_FLAGS= python3 -m tests.benchmarks.gpu_search --rows 1000000 --json 1m.json
    XLA_FLAGS= python3 -m tests.benchmarks.gpu_search --rows 10000000 --json 10m.json

A FAISS for GPUs that was unpacked into a folder goes first: `PYTHONPATH=FOLDER:. python3 …`; check
there that `faiss.get_num_gpus()` is 1. Without a GPU it says so and ends with 0; `--on-cpu` runs it
on JAX's CPU, which tells only that it works.

The floor of a search is the longer of two: reading its rows once at the bandwidth at which the
device copies (bytes read and written), and its products at the rate of a large product of matrices.
"""

import argparse
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from indexer.device_index import DeviceIndex, DevicePlan
from indexer.device_opening import need
from indexer.device_placement import Placement
from indexer.device_worker import shared_worker
from indexer.faiss_gpu_index import open_scan, why_absent
from indexer.faiss_index import FaissIndex
from indexer.rescoring import Halves
from indexer.row_scans import JaxScan, RowScan, parts_of
from indexer.vector_index import VectorIndex
from tests.benchmarks.gpu_data import SHARES, GpuData
from tests.benchmarks.gpu_photos import photo_to_rows, random_embedder
from tests.benchmarks.machine import machine
from tests.benchmarks.search_data import DIM, K
from vsearch.device_memory import bound_preallocation
from vsearch.device_rows import DeviceRows, place
from vsearch.devices import first_gpu, room
from vsearch.exact_search import SHAPES

WAYS = ("faiss", "jax", "cpu")
ASK_ALWAYS = DevicePlan(least_rows=0, least_share=10**9)
_RECALL_QUERIES = 32

Figures = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> Figures | None:
    """Measure, print, and return what `--json` writes; None where there is no GPU."""
    bound_preallocation(os.environ)
    options = _parser().parse_args(arguments)
    device = jax.devices("cpu")[0] if options.on_cpu else first_gpu()
    if device is None:
        print("no GPU: JAX finds " + ", ".join(str(d) for d in jax.devices()))
        return None
    told = f"{machine()}\ndriver     {_driver()}"
    print(told, flush=True)
    bandwidth, products = _bandwidth(device, options.copy_mb), _products(device, options.side)
    print(f"ceilings   {bandwidth / 1e9:,.0f} GB/s copied, {products / 1e12:,.1f} TFLOP/s in fp16")
    report: Figures = {"machine": told, "bandwidth": bandwidth, "products": products, "sizes": []}
    for rows in options.rows:
        report["sizes"].append(_size(rows, device, bandwidth, products, options))
        if options.json:
            options.json.write_text(json.dumps(report, indent=1) + "\n")
    return report


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gpu_search", description=__doc__)
    numbers = lambda text: [int(number) for number in text.split(",")]  # noqa: E731
    parser.add_argument("--rows", type=numbers, default=[1_000_000, 10_000_000])
    parser.add_argument("--batches", type=numbers, default=[1, 64, 1024])
    parser.add_argument("--ways", type=lambda text: text.split(","), default=list(WAYS))
    parser.add_argument("--seconds", type=float, default=1.0, help="of every figure")
    parser.add_argument("--photos", default="efficientnet-lite0", help="network; none: no photos")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--copy-mb", type=int, default=2048, help="that the bandwidth is told by")
    parser.add_argument("--side", type=int, default=8192, help="of the product of matrices")
    parser.add_argument("--on-cpu", action="store_true", help="use JAX's CPU for the GPU's part")
    parser.add_argument("--json", type=Path, help="a file for all figures")
    return parser


def milliseconds(work: Callable[[], object], seconds: float) -> float:
    """Return the median time of `work` after two calls that are not measured."""
    work()
    work()
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < 3 or (time.perf_counter() < until and len(times) < 10_000):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    return float(np.median(times))


def _size(
    rows: int,
    device: jax.Device,
    bandwidth: float,
    products: float,
    options: argparse.Namespace,
) -> Figures:
    started = time.perf_counter()
    data = GpuData.make(rows, DIM, max(options.batches), options.seed)
    made = time.perf_counter() - started
    before = room(device)
    started = time.perf_counter()
    placed = place(data.vectors, device)
    assert placed is not None
    took = time.perf_counter() - started
    print(f"\n{rows:,} × {DIM}, {K} nearest; made in {made:.0f} s, placed in {took:.1f} s")
    figures: Figures = {"rows": rows, "dim": DIM, "k": K, "placed_s": took, "search": []}
    floor = _Floor(bandwidth, products)
    for way, index, scan in _indexes(placed, data, options.ways):
        for told in _searches(way, index, scan, data, floor, options):
            figures["search"].append(told)
            print(_line(told), flush=True)
        if way != "cpu" and options.photos != "none":
            figures[f"photos_{way}"] = _photos(index, options)
    figures["memory"] = _memory(rows, device, before.used if before else 0)
    return figures


def _indexes(
    placed: DeviceRows, data: GpuData, ways: Sequence[str]
) -> Iterator[tuple[str, VectorIndex, RowScan | None]]:
    """Yield each way that there is, with its index and its bare search on the device."""
    host, worker = FaissIndex(data.vectors), shared_worker()
    for way in ways:
        scan: RowScan = JaxScan(placed)
        if way == "faiss":
            if absent := why_absent(placed.device):
                print(f"faiss      not here: {absent}")
                continue
            scan = worker.call(lambda: open_scan(placed))
        if way == "cpu":
            yield way, host, None
            continue
        print(f"{way:10} {scan.name}")
        placement = Placement(partial(_there, scan), placed.rows, at_once=True)
        yield way, DeviceIndex(data.vectors, host, placement, worker, ASK_ALWAYS), scan


def _there(scan: RowScan, _: Callable[[], bool]) -> RowScan:
    return scan


class _Floor:
    """The least milliseconds that a search can take."""

    def __init__(self, bandwidth: float, products: float) -> None:
        self._bandwidth, self._products = bandwidth, products

    def __call__(self, rows: int, queries: int) -> float:
        reading = rows * DIM * 2 / self._bandwidth
        return 1000 * max(reading, 2 * rows * DIM * queries / self._products)


def _searches(
    way: str,
    index: VectorIndex,
    scan: RowScan | None,
    data: GpuData,
    floor: _Floor,
    options: argparse.Namespace,
) -> Iterator[Figures]:
    worker = shared_worker()
    for name in SHARES:
        span, alone = data.range_of(name), 0.0
        scores, _ = index.search(data.queries[:_RECALL_QUERIES], K, [span])
        recall = data.recall(name, scores)
        for batch in options.batches:
            # A batch on the CPU takes at most as long as its queries one by one.
            if way == "cpu" and alone * batch > 8000 * options.seconds:
                continue
            queries = data.queries[:batch]
            p50 = milliseconds(partial(index.search, queries, K, [span]), options.seconds)
            alone = alone or p50
            told = {"way": way, "filter": name, "batch": batch, "recall": recall, "p50_ms": p50}
            told |= {"qps": 1000 * batch / p50, "floor_ms": floor(span[1] - span[0], batch)}
            if scan is not None:
                take = min(K + ASK_ALWAYS.spare, span[1] - span[0])
                parts, halves = parts_of([span], take, scan.shapes), Halves.of(queries).queries
                bare = partial(worker.search, scan, halves, parts)
                told["device_ms"] = milliseconds(bare, options.seconds)
            yield told


def _line(told: Figures) -> str:
    device = f"{told['device_ms']:9.3f}" if "device_ms" in told else " " * 9
    nearest = told.get("device_ms", told["p50_ms"]) / told["floor_ms"]
    return (
        f"  {told['way']:6}{told['filter']:9} batch {told['batch']:5}  p50 {told['p50_ms']:9.3f} ms"
        f"  on the device {device}  floor {told['floor_ms']:8.3f}  ×{nearest:7.2f}"
        f"  {told['qps']:10.0f} queries/s  recall {told['recall']:.4f}"
    )


def _photos(index: VectorIndex, options: argparse.Namespace) -> list[Figures]:
    embedder = random_embedder(options.photos, DIM)
    found = []
    for batch in (1, 64):
        told = {"batch": batch} | photo_to_rows(embedder, index, batch, options.seconds)
        stages = "  ".join(f"{name} {took:8.2f}" for name, took in told.items() if name != "batch")
        print(f"  photo to rows, {options.photos}, batch {batch:2}: {stages} ms", flush=True)
        found.append(told)
    return found


def _memory(rows: int, device: jax.Device, before: int) -> Figures:
    """Print and return what network and index take, beside what was reckoned with."""
    wanted, told = need(rows, DIM, SHAPES), device.memory_stats() or {}
    figures = {
        "reckoned_rows": wanted.rows,
        "reckoned_scratch": wanted.scratch,
        "before": before,
        "in_use": told.get("bytes_in_use"),
        "peak": told.get("peak_bytes_in_use"),
        "card_used": _nvidia_smi("memory.used"),
    }
    print("  memory     " + ", ".join(f"{name} {value}" for name, value in figures.items()))
    return figures


def _bandwidth(device: jax.Device, megabytes: int) -> float:
    """Return the bytes a second, read and written, at which the device copies."""
    array = jnp.zeros((megabytes << 20) // 4, jnp.uint32, device=device)
    copy = jax.jit(lambda a: a + jnp.uint32(1))
    took = milliseconds(lambda: copy(array).block_until_ready(), 1.0)
    return 2 * array.nbytes / (took / 1000)


def _products(device: jax.Device, side: int) -> float:
    """Return the operations a second of a product of matrices in half precision."""
    key = jax.random.key(0)
    square = jax.device_put(jax.random.normal(key, (side, side), jnp.float16), device)
    product = jax.jit(lambda a: jnp.dot(a, a, preferred_element_type=jnp.float32))
    took = milliseconds(lambda: product(square).block_until_ready(), 1.0)
    return 2 * side**3 / (took / 1000)


def _driver() -> str:
    return _nvidia_smi("name,driver_version,memory.total") or "no nvidia-smi"


def _nvidia_smi(fields: str) -> str | None:
    command = ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


if __name__ == "__main__":
    main()
