"""Run as a program: kills two writers, a builder and a reader of one shop, round after round.

`python killed_shop.py FOLDER ROUNDS SEED` makes a shop in FOLDER. In each round four processes work
on it, each is killed at a random moment, and what they have told is held against what is there.
"""

import json
import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from indexer.build import build
from indexer.search import Searcher
from indexer.shop import Shop
from indexer.versions import IndexVersion, rollback, version_folders
from tests.indexer.plain_shop import NETWORKS, PATHS, cosine, hash_of, vector
from tests.indexer.tiny_shop import photo_row

SEEDS = range(24)
NETWORK = "e" * 16
EMBEDDER = NETWORKS[NETWORK]
EVERYTHING = 1000  # more items than there are
LONGEST = 0.7  # seconds that a process lives

State = dict[str, object] | None
"""What an item is: its category, price and photos' seeds; None for one that is not there."""


@dataclass(frozen=True)
class Operation:
    """What a writer did to an item; times in ns, `acknowledged` is None where it was killed."""

    writer: str
    item: str
    state: State
    begun: int
    acknowledged: int | None


@dataclass(frozen=True)
class Answer:
    """What the reader asked when, and the items that it found with their scores."""

    seed: int
    begun: int
    ended: int
    hits: dict[str, float]


@dataclass(frozen=True)
class Role:
    """A process of a round: where the shop lies, and the file that it tells in."""

    folder: Path
    name: str
    seed: int

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def tell(self, line: object) -> None:
        with self.log.open("a") as file:
            file.write(json.dumps(line) + "\n")  # flushed in one piece; the system keeps it

    def told(self) -> list[list[object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def write(role: Role) -> None:
    """Change items for ever: some of one's own, some that the other writer changes as well."""
    chance = random.Random(role.seed)
    items = [f"{role.name}-{n}" for n in range(5)] + [f"shared-{n}" for n in range(3)]
    with Shop.open(role.folder / "shop") as shop:
        for number in count():
            item = chance.choice(items)
            state = drawn(chance, price=role.seed * 10_000 + number)
            role.tell(["begin", item, state, time.monotonic_ns()])
            if state is None:
                shop.delete([item])
            else:
                report = shop.upsert(
                    [cells(role, item, state)], embedder=EMBEDDER, folder=role.folder
                )
                assert (report.searchable, report.rejects) == (1, [])
            role.tell(["done", time.monotonic_ns()])


def drawn(chance: random.Random, price: int) -> State:
    if chance.random() < 0.25:
        return None
    photos = chance.sample(SEEDS, chance.randint(1, 3))
    return {"category": list(chance.choice(PATHS)), "price": price, "photos": photos}


def cells(role: Role, item: str, state: dict[str, object]) -> dict[str, object]:
    photos = [role.folder / f"{seed}.png" for seed in state["photos"]]  # type: ignore[attr-defined]
    return {**state, "item_id": item, "photos": photos}


def rebuild(role: Role) -> None:
    """Build for ever, and go back to an older version now and then."""
    chance = random.Random(role.seed)
    with Shop.open(role.folder / "shop") as shop:
        while True:
            build(shop, embedder=EMBEDDER)
            if chance.random() < 0.3:
                rollback(shop, chance.choice(version_folders(shop)).name)


def read(role: Role) -> None:
    """Search for ever, always in what serves."""
    chance = random.Random(role.seed)
    with Shop.open(role.folder / "shop") as shop:
        searcher = Searcher.open(shop, embedder=EMBEDDER)
        while True:
            if shop.current().index != searcher.version.name:
                searcher = Searcher.open(shop, embedder=EMBEDDER)
            seed, begun = chance.choice(SEEDS), time.monotonic_ns()
            hits = found(searcher, seed)
            role.tell([seed, begun, time.monotonic_ns(), hits])


def found(searcher: Searcher, seed: int) -> dict[str, float]:
    (hits,) = searcher.items.hits(vector(NETWORK, seed)[None], EVERYTHING)
    return {hit.item.item_id: hit.score for hit in hits}


WORK: dict[str, Callable[[Role], None]] = {
    "left": write,
    "right": write,
    "builder": rebuild,
    "reader": read,
}


def run_round(folder: Path, seed: int) -> dict[str, Role]:
    """Let all four work, and kill each at its moment; none may have ended by itself."""
    chance = random.Random(seed)
    roles = {name: Role(folder, name, 10 * seed + i) for i, name in enumerate(WORK)}
    ends = {}
    for name, role in roles.items():
        role.log.write_text("")
        if not (child := os.fork()):
            WORK[name](role)
        ends[child] = time.monotonic() + chance.uniform(0.1, LONGEST)
    for child, end in sorted(ends.items(), key=lambda one: one[1]):
        time.sleep(max(0.0, end - time.monotonic()))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    return roles


def operations(role: Role) -> Iterator[Operation]:
    """Yield what a writer has told."""
    told = role.told()
    ends = [line[1] for line in told if line[0] == "done"]
    begun = [line[1:] for line in told if line[0] == "begin"]
    for (item, state, start), end in zip(begun, [*ends, None], strict=False):
        yield Operation(role.name, str(item), state, start, end)  # type: ignore[arg-type]


def possible(item: str, before: State, done: Iterable[Operation]) -> list[State]:
    """Return the states that an item may be in: of each writer the last acknowledged, or cut off.

    Which of two writers was the last is not known here.
    """
    own = [operation for operation in done if operation.item == item]
    acknowledged = {one.writer: one.state for one in own if one.acknowledged}
    cut_off = [one.state for one in own if not one.acknowledged]
    return [*(acknowledged.values() or [before]), *cut_off]


def states(shop: Shop) -> dict[str, State]:
    """Return all that is in a catalogue."""
    seeds = {hash_of(seed): seed for seed in SEEDS}
    return {
        item.item_id: {
            "category": list(item.category),
            "price": item.attributes["price"],
            "photos": [seeds[photo.content_hash] for photo in shop.catalogue.photos_of(item.key)],
        }
        for item in shop.catalogue.items()
    }


def check_shop(shop: Shop) -> None:
    """Everything is whole, every version stands its check, and what serves finds every item."""
    with closing(sqlite3.connect(shop.catalogue.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.execute("INSERT INTO item_words (item_words) VALUES ('integrity-check')")
    for folder in version_folders(shop):
        IndexVersion.open(folder).verify()
    searcher, now = Searcher.open(shop, embedder=EMBEDDER), states(shop)
    told = searcher.version.manifest
    counts = shop.catalogue.counts(told.sequence, NETWORK, told.views)
    assert (counts.items, counts.waiting, counts.rejected) == (len(now), 0, 0)
    for seed in SEEDS:
        hits = found(searcher, seed)
        assert hits.keys() == now.keys()
        for item, score in hits.items():
            assert abs(score - best(seed, now[item])) < 1e-6


def best(seed: int, state: State) -> float:
    """Return the score of an item, by its best view."""
    assert state is not None
    photos: list[int] = state["photos"]  # type: ignore[assignment]
    return max(cosine(vector(NETWORK, seed), vector(NETWORK, photo)) for photo in photos)


def check_answer(answer: Answer, before: dict[str, State], done: list[Operation]) -> None:
    """What nobody was changing while the reader asked is in the answer as it was, or not at all."""
    for item in before.keys() | {one.item for one in done}:
        own = [one for one in done if one.item == item and one.begun < answer.ended]
        settled = [one for one in own if one.acknowledged and one.acknowledged < answer.begun]
        last = max(settled, key=lambda one: one.begun, default=None)
        # Two that overlap may have come in either order.
        if len(own) > len(settled) or any(
            one is not last and last and one.acknowledged > last.begun  # type: ignore[operator]
            for one in settled
        ):
            continue
        state = last.state if last else before.get(item)
        assert (item in answer.hits) == (state is not None), (item, answer, own)
        if state is not None:
            assert abs(answer.hits[item] - best(answer.seed, state)) < 1e-6


def main(folder: Path, rounds: int, seed: int) -> None:
    for photo in SEEDS:
        photo_row(folder, photo)
    with Shop.create(folder / "shop") as shop:
        (shop.models / EMBEDDER.model_fingerprint).mkdir(parents=True)
        build(shop, embedder=EMBEDDER)
    before: dict[str, State] = {}
    totals = dict.fromkeys(("acknowledged", "cut off", "answers", "versions"), 0)
    for number in range(rounds):
        roles = run_round(folder, seed + number)
        done = [*operations(roles["left"]), *operations(roles["right"])]
        answers = [Answer(*line) for line in roles["reader"].told()]  # type: ignore[arg-type]
        with Shop.open(folder / "shop") as shop:
            check_shop(shop)
            now = states(shop)
            for item in before.keys() | now.keys() | {one.item for one in done}:
                assert now.get(item) in possible(item, before.get(item), done), item
            for answer in answers:
                check_answer(answer, before, done)
            totals["versions"] += len(version_folders(shop))
        totals["acknowledged"] += sum(one.acknowledged is not None for one in done)
        totals["cut off"] += sum(one.acknowledged is None for one in done)
        totals["answers"] += len(answers)
        before = now
    sys.stdout.write(json.dumps(totals) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
