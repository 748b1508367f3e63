"""Many shoppers at once: throughput beside the bare network, latency, memory, switches, upserts.

    python -m tests.benchmarks.api_load SHOP [--minutes 10] [--json FILE]

All over the loopback, with processes of their own for the servers, the shoppers, the bare network
and whoever changes the shop. SHOP is copied; it may be `demo-shop/shop` after `make demo`. The
shoppers share the cores with what they measure: their processor time is told beside each figure.
Rounds of the bare network, the server, uvicorn with the network and nothing else, and LitServe
where it is installed, take turns, so that a busy machine is busy for all of them.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

from indexer.shop import Current, Shop
from tests.benchmarks.api_servers import SERVE, Server, running
from tests.benchmarks.api_shop import copied, with_two_pairs, write_photos
from tests.benchmarks.machine import machine

Figures = dict[str, Any]

SHOPPERS = 32
FOR_LONG = 24 * 3600.0  # seconds; they are told when to end
LEAST = "uvicorn alone"
LITSERVE = ((1, 0.0), (2, 0.0), (8, 2.0))  # photos of a batch, and milliseconds it waits


@dataclass(frozen=True)
class Bench:
    """Where everything lies, and how long each measurement takes.

    Attributes:
        shop: the copy.
        photos: what the shoppers send.
        log: what the servers print.
        seconds: of one measurement.
        rounds: of all measurements.
        serve: the command that serves a shop.
        program: what runs a module, whose name follows.
        many: shoppers of the runs with many.
    """

    shop: Path
    photos: Path
    log: Path
    seconds: float = 10.0
    rounds: int = 3
    serve: Sequence[str] = SERVE
    program: Sequence[str] = (sys.executable, "-m")
    many: int = SHOPPERS

    @contextmanager
    def served(self, **settings: str) -> Iterator[Server]:
        """Serve the shop; settings are environment variables without VSEARCH_."""
        told = {f"VSEARCH_{name.upper()}": value for name, value in settings.items()}
        command = [*self.serve, str(self.shop), "--no-rebuild"]
        with running(command, "/readyz", log=self.log, settings=told) as server:
            yield server

    def start(self, module: str, *given: object, **options: object) -> "subprocess.Popen[str]":
        """Start one of the benchmark's programs."""
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        return subprocess.Popen(
            [*self.program, f"tests.benchmarks.{module}", *map(str, given), *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def shoppers(self, server: Server, **given: object) -> Figures:
        """Let shoppers ask, and tell what they and the server took."""
        before = server.cpu_seconds()
        options = {"seconds": self.seconds} | given
        told = finished(self.start("api_shoppers", server.port, self.photos, **options))
        told["server_cpu_ms"] = 1e3 * (server.cpu_seconds() - before) / max(told["requests"], 1)
        if set(told["statuses"]) != {"200"}:
            raise RuntimeError(f"not all answers are answers: {told['statuses']} by status")
        told["own_cpu_ms"] = 1e3 * told["own_cpu_seconds"] / max(told["requests"], 1)
        return told


def finished(child: "subprocess.Popen[str]", go: str = "") -> Figures:
    """Return the figures that a program ends with; `go` is what it waits for.

    Raises:
        RuntimeError: it failed.
    """
    printed, _ = child.communicate(go)
    if child.returncode:
        raise RuntimeError(f"{child.args!r} ended with {child.returncode}")
    told: Figures = json.loads(printed)
    return told


class BareNetwork:
    """The bare network in a process of its own, which measures when it is asked to."""

    def __init__(self, bench: Bench) -> None:
        self._child = bench.start("api_bare", bench.shop, bench.photos, seconds=bench.seconds)
        self._line()

    def measure(self, server: Server) -> Figures:
        """Measure once, single searches beside a server's."""
        assert self._child.stdin is not None
        self._child.stdin.write(f"{server.port}\n")
        self._child.stdin.flush()
        told: Figures = json.loads(self._line())
        return told

    def close(self) -> None:
        """End the process."""
        self._child.communicate()

    def _line(self) -> str:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._child.args!r} ended with {self._child.wait()}")
        return line


def throughput(bench: Bench) -> Figures:
    """Measure the server beside the bare network, in turns."""
    bare = BareNetwork(bench)
    classify: dict[str, Any] = {"shoppers": bench.many, "path": "/v1/classify"}
    rounds: dict[str, list[Figures]] = {}

    def took(name: str, told: Figures) -> None:
        rounds.setdefault(name, []).append(told)
        print(f"  {name:24}{_line(told)}", file=sys.stderr, flush=True)

    try:
        with (
            bench.served() as batching,
            bench.served(batching="false") as single,
            compared(bench) as peers,
        ):
            for server in (batching, single, *peers.values()):
                bench.shoppers(server, shoppers=4, seconds=2, path="/v1/classify")
            for server in (single, *peers.values()):
                server.pause()
            for _ in range(bench.rounds):
                took("bare", bare.measure(batching))
                took("search", bench.shoppers(batching, shoppers=bench.many))
                with awake(single):
                    took("search, no batching", bench.shoppers(single, shoppers=bench.many))
                took("bare", bare.measure(batching))
                took("classify", bench.shoppers(batching, **classify))
                for name, server in peers.items():
                    with awake(server):
                        took(name, bench.shoppers(server, **classify))
                took("search, one shopper", bench.shoppers(batching, shoppers=1))
    finally:
        bare.close()
    return {"rounds": rounds, **summary(rounds)}


def summary(rounds: dict[str, list[Figures]]) -> Figures:
    """Return medians over the rounds, and what the targets are about."""
    middle = {name: _medians(told) for name, told in rounds.items()}
    bare, search = middle["bare"], middle["search"]
    return {
        "medians": middle,
        "search_of_bare_pixels": search["per_second"] / bare["pixels_per_second"],
        "search_of_bare_files": search["per_second"] / bare["files_per_second"],
        "classify_of_bare_files": middle["classify"]["per_second"] / bare["files_per_second"],
        "uvicorn_of_bare_files": middle[LEAST]["per_second"] / bare["files_per_second"],
        # Of processor time, which a busy machine changes less than what is done in a second.
        "bare_files_cpu_of_search": bare["files_cpu_ms"] / search["server_cpu_ms"],
        "bare_files_cpu_of_classify": bare["files_cpu_ms"] / middle["classify"]["server_cpu_ms"],
        "lone_overhead_ms": bare["overhead_p50_ms"],
    }


def _medians(told: Sequence[Figures]) -> dict[str, float]:
    names = [name for name, value in told[0].items() if isinstance(value, float)]
    return {name: median(one[name] for one in told) for name in names}


@contextmanager
def awake(server: Server) -> Iterator[None]:
    """Let a server that is paused work within the block."""
    server.resume()
    try:
        yield
    finally:
        server.pause()


@contextmanager
def compared(bench: Bench) -> Iterator[dict[str, Server]]:
    """Serve the same network otherwise: with uvicorn alone, and with LitServe, if it is there.

    LitServe is there once for each way of batching.
    """
    ways: dict[str, list[str]] = {LEAST: ["api_least"]}
    for batch, wait_ms in LITSERVE if peer() else ():
        options = [f"--batch={batch}", f"--wait-ms={wait_ms}"]
        ways[f"LitServe, batch {batch}"] = ["api_litserve", *options]
    with ExitStack() as stack:
        servers = {}
        for name, (module, *options) in ways.items():
            command = [*bench.program, f"tests.benchmarks.{module}", str(bench.shop), *options]
            servers[name] = stack.enter_context(running(command, "/health", log=bench.log))
        yield servers


def peer() -> str | None:
    """Return the version of LitServe; None where it is absent."""
    return metadata.version("litserve") if importlib.util.find_spec("litserve") else None


def endurance(bench: Bench, seconds: float, *, every: float) -> Figures:
    """Let shoppers ask for long, and tell latencies and memory of each `every` seconds."""
    with bench.served() as server:
        bench.shoppers(server, shoppers=bench.many, seconds=min(5.0, seconds))
        options = {"shoppers": bench.many, "seconds": seconds, "window": every}
        child = bench.start("api_shoppers", server.port, bench.photos, **options)
        memory = []
        while child.poll() is None:
            memory.append(server.rss())
            try:
                child.wait(every)
            except subprocess.TimeoutExpired:
                continue
        return finished(child) | {"memory_bytes": memory}


def changes(
    bench: Bench, pairs: Sequence[Current], *, seconds: float, switches: int, upserts: int
) -> Figures:
    """Let shoppers ask two servers while another process switches pairs and takes items in."""
    told = json.dumps([[pair.model, pair.index] for pair in pairs])
    options = {"switches": switches, "upserts": upserts, "seconds": seconds}
    with bench.served() as first, bench.served() as second:
        ports = (f"--server={server.port}" for server in (first, second))
        changing = bench.start("api_changes", bench.shop, bench.photos, told, *ports, **options)
        assert changing.stdout is not None
        assert changing.stdout.readline() == "ready\n"
        with meanwhile(bench, first, second) as asking:
            memory = [server.rss() for server in (first, second)]
            changed = finished(changing, "\n")
        answered = [finished(child) for child in asking]
        memory_after = [server.rss() for server in (first, second)]
    return {
        **changed,
        **verdict(answered, pairs),
        "servers": answered,
        "memory_bytes": [memory, memory_after],
    }


@contextmanager
def meanwhile(bench: Bench, *servers: Server) -> Iterator[list["subprocess.Popen[str]"]]:
    """Let shoppers ask several servers until the block ends; their figures are there after it."""
    options = {"shoppers": bench.many // len(servers), "seconds": FOR_LONG}
    asking = [
        bench.start("api_shoppers", server.port, bench.photos, **options) for server in servers
    ]
    try:
        yield asking
    finally:
        for child in asking:
            child.terminate()


def verdict(answered: Sequence[Figures], pairs: Sequence[Current]) -> Figures:
    """Count what failed, and what came of no published pair or of two at once.

    An answer is mixed where its pair was never published, or its first score is far from what the
    photo's own item scores in either pair: a vector of one network finds nothing in the other's
    index.
    """
    published = {(pair.model, pair.index) for pair in pairs}
    statuses = [
        (int(status), times) for one in answered for status, times in one["statuses"].items()
    ]
    seen = [(tuple(pair), times) for one in answered for *pair, times in one["pairs"]]
    return {
        "requests": sum(times for _, times in statuses),
        "failed": sum(times for status, times in statuses if status != 200),
        "mixed": sum(times for pair, times in seen if pair not in published),
        "lowest": min(one["lowest"] for one in answered),
        "answered_by": {
            " + ".join(own): sum(times for pair, times in seen if pair == own)
            for own in dict.fromkeys(pair for pair, _ in seen)
        },
    }


def _line(told: Figures) -> str:
    names = ("per_second", "p50_ms", "p99_ms", "server_cpu_ms", "own_cpu_ms")
    bare = ("pixels_per_second", "files_per_second", "pixels_cpu_ms", "files_cpu_ms")
    shown = (
        f"{name} {told[name]:.1f}"
        for name in (*names, *bare, "alone_p50_ms", "overhead_p50_ms")
        if name in told
    )
    return "  ".join(shown)


def prepare(shop: Path, folder: Path, **given: Any) -> tuple[Bench, list[Current]]:
    """Copy a shop, give it two pairs, and write the shoppers' photos."""
    copy = copied(shop, folder)
    with Shop.open(copy) as opened:
        pairs = list(with_two_pairs(opened))
        write_photos(opened, folder / "photos")
    return Bench(copy, folder / "photos", folder / "servers.log", **given), pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shop", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0, help="of one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=10.0, help="of the long run")
    parser.add_argument("--switches", type=int, default=20)
    parser.add_argument("--upserts", type=int, default=1000)
    parser.add_argument("--shoppers", type=int, default=SHOPPERS, help="at once")
    parser.add_argument("--only", choices=("throughput", "endurance", "changes"))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    told: Figures = {
        "machine": machine().splitlines(),
        "load": os.getloadavg(),
        "litserve": peer() or "absent",
    }
    with tempfile.TemporaryDirectory() as folder:
        bench, pairs = prepare(
            given.shop,
            Path(folder),
            seconds=given.seconds,
            rounds=given.rounds,
            many=given.shoppers,
        )
        if given.only in {None, "throughput"}:
            told["throughput"] = throughput(bench)
        if given.only in {None, "changes"}:
            told["changes"] = changes(
                bench,
                pairs,
                seconds=max(60.0, 0.12 * given.upserts),
                switches=given.switches,
                upserts=given.upserts,
            )
        if given.only in {None, "endurance"}:
            told["endurance"] = endurance(bench, 60 * given.minutes, every=60.0)
    text = json.dumps(told, indent=2)
    if given.json:
        given.json.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
