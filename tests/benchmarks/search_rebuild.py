"""What a rebuild costs after 1 % of a large catalogue has changed, beside a full build.

`python -m tests.benchmarks.search_rebuild --items 1000000` builds a version of synthetic items
whose embeddings lie in the catalogue already, gives 1 % of the items another photo, and builds
again. The network's part is computed from the rate of the real one, measured here on photos that
are decoded already: what decoding adds would only make the rebuild's share less.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from unittest.mock import patch

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import indexer.build
from indexer import version_writer
from indexer.catalogue import Catalogue
from indexer.faiss_index import RowCodes
from indexer.recall_sample import RecallSample
from indexer.records import ItemRow, PhotoRow
from indexer.shop import Shop
from indexer.versions import IndexVersion
from tests.benchmarks import search_data
from tests.benchmarks.machine import machine
from tests.benchmarks.search_child import CLOCKS, Clock
from tests.benchmarks.search_data import DIM, SearchData
from vsearch.models.architectures import NetworkSpec
from vsearch.models.classifier import abstract_trunk
from vsearch.models.initialise import initialise

T = TypeVar("T")

CHANGED = 0.01
_BLOCK = 10_000
_STAGES: tuple[tuple[str, object, str], ...] = (
    ("read the views", Catalogue, "view_rows"),
    ("read the embeddings", Catalogue, "numbered_embeddings"),
    ("name the val photos", indexer.build, "judged_by"),
    ("write arrays", version_writer, "write_array"),
    ("learn codes", RowCodes, "learn"),
    ("encode rows", RowCodes, "add"),
    ("recall's sample", RecallSample, "draw"),
    ("tune and write the structure", version_writer, "write_structure"),
    ("verify", IndexVersion, "verify"),
    ("open a version", IndexVersion, "open"),
    ("count items", Catalogue, "counts"),
)

Stages = dict[str, float]
"""Seconds that were spent in each stage, those of another stage within it left out."""


class NoNetwork:
    """Stands where a build expects a network that it will not ask; judges photos by itself."""

    dim = DIM
    embedding_fingerprint = "e" * 16
    model_fingerprint = "a" * 16
    batch_sizes = (32,)

    class objective:  # noqa: N801
        name, exclusive, rejects, most_labels = "none", True, True, None

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"the network's {name} was asked for: an embedding is missing")


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, print, and return what `--json` writes."""
    parser = argparse.ArgumentParser(prog="search_rebuild", description=__doc__)
    parser.add_argument("--items", default="100000", help="such as 100000,1000000")
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall", help="as search_speed's")
    parser.add_argument("--rate", type=float, help="photos a second of the network, if known")
    parser.add_argument("--json", type=Path, help="a file for all figures")
    parser.add_argument("--folder", type=Path, help="where the shop lies meanwhile")
    options = parser.parse_args(arguments)
    print(machine(), flush=True)
    rate = options.rate or network_rate(options.clock)
    sizes = []
    for items in map(int, options.items.split(",")):
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            full, again = measured(Path(name), items, CLOCKS[options.clock])
        told = {
            "items": items,
            "changed": round(CHANGED * items),
            "full": full,
            "rebuild": again,
            "share": share(full, again, items, rate),
        }
        sizes.append(told)
        print(_table(told, rate), flush=True)
    report = {"machine": machine(), "photos_per_second": rate, "sizes": sizes}
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return report


def measured(folder: Path, items: int, clock: Clock = CLOCKS["wall"]) -> tuple[Stages, Stages]:
    """Return where the time of a full build and of a rebuild goes, embedding left out."""
    data = folder / "data"
    data.mkdir()
    search_data.make(data, items, queries=1, filtered=1)
    rows = SearchData.load(data)
    with Shop.create(folder / "shop") as shop:
        _take_in(shop, rows, range(items), edition=0)
        full = _staged(lambda: indexer.build.build(shop, embedder=NoNetwork()), clock)
        _take_in(shop, rows, range(0, items, round(1 / CHANGED)), edition=1)
        return full, _staged(lambda: indexer.build.build(shop, embedder=NoNetwork()), clock)


def _take_in(shop: Shop, data: SearchData, items: range, edition: int) -> None:
    """Write items into the catalogue, and the embeddings of their photos."""
    for start in range(0, len(items), _BLOCK):
        block = items[start : start + _BLOCK]
        shop.catalogue.upsert_items(_item(data, item, edition) for item in block)
        hashes = [_hash(item, edition) for item in block]
        vectors = data.vectors[list(block)]
        shop.catalogue.put_embeddings(
            NoNetwork.embedding_fingerprint, list(zip(hashes, vectors, strict=True))
        )


def _item(data: SearchData, item: int, edition: int) -> ItemRow:
    photo = PhotoRow(_hash(item, edition), Path(f"/photos/{item}-{edition}.jpg"), 800, 800)
    path = ("Department", f"Category {data.categories[item]}")
    return ItemRow(f"SKU{item}", f"Item {item}", path, (photo,), attributes={"price": item / 100})


def _hash(item: int, edition: int) -> str:
    return f"{edition:032x}{item:032x}"


class _Watch:
    """Adds up the seconds of nested stages, each without those within it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.spent: Stages = dict.fromkeys([name for name, _, _ in _STAGES], 0.0)
        self._inner = [0.0]  # of the stages that are running, innermost last

    def watched(self, name: str, work: Callable[..., T]) -> Callable[..., T]:
        def timed(*args: object, **options: object) -> T:
            self._inner.append(0.0)
            started = self._clock()
            try:
                return work(*args, **options)
            finally:
                took = self._clock() - started
                self.spent[name] = self.spent.get(name, 0.0) + took - self._inner.pop()
                self._inner[-1] += took

        return timed


def _staged(work: Callable[[], object], clock: Clock) -> Stages:
    """Return the seconds of each stage of the work, and of what is in none of them."""
    watch = _Watch(clock)
    with ExitStack() as patches:
        for name, owner, attribute in _STAGES:
            timed = watch.watched(name, getattr(owner, attribute))
            # A class method comes bound already.
            bound = getattr(getattr(owner, attribute), "__self__", None) is owner
            patches.enter_context(
                patch.object(owner, attribute, staticmethod(timed) if bound else timed)
            )
        watch.watched("the rest", work)()
    return watch.spent


def network_rate(clock: str = "wall", batch: int = 32, repeats: int = 5) -> float:
    """Return how many photos a second the smallest pretrained network embeds, decoded already.

    Processor time is that of all cores: on a machine of its own the network has them all.
    """
    trunk = abstract_trunk(NetworkSpec("efficientnet-lite0"))
    initialise(trunk, seed=0)
    trunk.eval()  # type: ignore[no-untyped-call]
    definition, state = nnx.split(trunk)
    forward = jax.jit(lambda state, pixels: nnx.merge(definition, state)(pixels))
    pixels = jnp.zeros((batch, 224, 224, 3), jnp.uint8)
    times = []
    for _ in range(1 + repeats):
        started = CLOCKS[clock]()
        forward(state, pixels).block_until_ready()
        times.append(CLOCKS[clock]() - started)
    cores = (os.cpu_count() or 1) if clock == "processor" else 1
    return cores * batch / float(np.median(times[1:]))


def share(full: Stages, again: Stages, items: int, rate: float) -> float:
    """Return the rebuild's time by the full build's, embedding counted in at this rate."""
    return (round(CHANGED * items) / rate + sum(again.values())) / (
        items / rate + sum(full.values())
    )


def greatest_rate(full: Stages, again: Stages, items: int, wanted: float = 0.05) -> float:
    """Return the photos a second up to which the rebuild takes at most the share that is wanted.

    The quicker the network, the more the rest of a rebuild counts. Infinite where even a network
    that takes no time would do.
    """
    excess = sum(again.values()) - wanted * sum(full.values())
    return (wanted * items - round(CHANGED * items)) / excess if excess > 0 else np.inf


def _table(told: dict[str, Any], rate: float) -> str:
    full, again, items = told["full"], told["rebuild"], told["items"]
    lines = [
        f"\n{items:,} items of one photo, {DIM}-d; {told['changed']:,} of them changed: seconds",
        f"  {'':30}{'full':>10}{'rebuild':>10}",
    ]
    for name in full:
        lines.append(f"  {name:30}{full[name]:10.2f}{again[name]:10.2f}")
    lines.append(f"  {'all but embedding':30}{sum(full.values()):10.2f}{sum(again.values()):10.2f}")
    embedding = items / rate, told["changed"] / rate
    lines.append(
        f"  {f'embedding, {rate:.0f} photos/s':30}{embedding[0]:10.1f}{embedding[1]:10.1f}"
    )
    most = greatest_rate(full, again, items)
    lines.append(
        f"  the rebuild takes {told['share']:.2%} of the full build; at most 5 % with a network "
        f"of up to {most:,.0f} photos/s"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
