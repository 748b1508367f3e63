"""The pair that serves: who holds it, and how another takes over."""

import asyncio
import gc
import json
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from api.plain_questions import Classification
from api.problems import ProblemError
from api.seen import Seen
from api.shared_network import MOST
from indexer.embedding import PhotoEmbedder
from indexer.prediction_rows import PredictionRows
from indexer.search import Searcher
from indexer.shop import Current, Shop
from tests.api.serving_shop import Gate, run, serving
from tests.indexer.switching_shop import BLUE, RED, load, make_switching_shop, switch
from tests.indexer.tiny_shop import SIDE, TinyEmbedder, painted
from vsearch.images import ImageError
from vsearch.images import load as load_photo


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(monkeypatch)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop with two pairs; the blue one serves."""
    with make_switching_shop(tmp_path) as made:
        yield made


def test_photos_that_wait_share_a_pass_and_each_gets_its_own_answer(shop: Shop, gate: Gate) -> None:
    async def ask() -> None:
        async with serving(shop) as (live, heard):
            with live.hold() as pair:
                heard.passes.clear()
                with gate.shut():
                    asked = [asyncio.create_task(pair.see(painted(0)))]
                    await gate.occupied()
                    asked += [asyncio.create_task(pair.see(painted(i % 8))) for i in range(1, 11)]
                    while live.waiting < 10:
                        await asyncio.sleep(0.001)
                seen = [await one for one in asked]
                assert heard.passes == [1, MOST, 2]
                assert sorted(one.batch for one in seen) == [1, 2, 2, *([MOST] * MOST)]
                alone = TinyEmbedder(embedding_fingerprint=pair.network.embedding_fingerprint)
                for number, one in enumerate(seen):
                    result = pair.searcher.answer(one.predictions, top_k=3)
                    assert result.hits[0].item.item_id == f"item-{number % 8}"
                    pixels = load_photo(painted(number % 8), pair.network.spec)
                    expected = alone(pixels[None]).embeddings
                    np.testing.assert_array_equal(one.predictions.embeddings, expected)

    run(ask())


def test_without_batching_every_photo_has_a_pass_of_its_own(shop: Shop, gate: Gate) -> None:
    async def ask() -> None:
        async with serving(shop, batching=False) as (live, heard):
            with live.hold() as pair, gate.shut():
                asked = [asyncio.create_task(pair.see(painted(i))) for i in range(5)]
                while live.waiting < 4:
                    await asyncio.sleep(0.001)
            await asyncio.gather(*asked)
            assert heard.passes == [1] * 5

    run(ask())


def test_timings_add_up(shop: Shop) -> None:
    observed: list[tuple[Mapping[str, float], bool | None]] = []
    answers: list[str] = []

    async def ask() -> None:
        async with serving(shop) as (live, _):
            with live.hold() as pair:
                question = Classification(lambda *told: observed.append(told))
                answers.append(await pair.ask(painted(1), question))

    run(ask())
    told = json.loads(answers[0])
    ((timings, unknown),) = observed
    stages = ("decode", "embed", "search", "wait")
    assert set(timings) == {*stages, "total"}
    assert sum(timings[stage] for stage in stages) == pytest.approx(timings["total"])
    assert (told["timings"], told["unknown"], told["model"]) == (timings, unknown, BLUE)
    assert told["labels"][0]["name"].startswith(BLUE)


def test_questions_that_are_alike_are_answered_together_each_with_its_own_answer(
    shop: Shop,
) -> None:
    many: list[int] = []
    may_go = threading.Event()

    @dataclass(frozen=True)
    class Best:
        top_k: int

        @property
        def alike(self) -> int:
            return self.top_k

        def together(self, searcher: Searcher, asked: Sequence[tuple["Best", Seen]]) -> list[str]:
            many.append(len(asked))
            assert may_go.wait(20)
            if self.top_k < 0:
                raise ValueError("no such number")
            rows = PredictionRows.joined([seen.predictions for _, seen in asked])
            answers = searcher.answers(rows, [None] * len(asked), self.top_k)
            return [" ".join(hit.item.item_id for hit in one.hits) for one in answers]

    async def ask() -> None:
        async with serving(shop, searchers=1) as (live, _):
            with live.hold() as pair:
                asked = [asyncio.create_task(pair.ask(painted(0), Best(1)))]
                while not many:  # its answer is under way while all others come
                    await asyncio.sleep(0.001)
                asked += [
                    asyncio.create_task(pair.ask(painted(i), Best(1 + i % 2))) for i in range(1, 6)
                ]
                asked += [asyncio.create_task(pair.ask(painted(i), Best(-1))) for i in (0, 1)]
                while pair.workers.answers.waiting < 7:
                    await asyncio.sleep(0.001)
                may_go.set()
                told = await asyncio.gather(*asked, return_exceptions=True)
                for number, answer in enumerate(told[:6]):
                    alone = pair.searcher.answer(
                        (await pair.see(painted(number))).predictions, top_k=1 + number % 2
                    )
                    assert answer == " ".join(hit.item.item_id for hit in alone.hits)
                assert [str(one) for one in told[6:]] == ["no such number"] * 2
                assert sorted(many) == [1, 1, 1, 2, 2, 3]  # the two of no answer once more, alone

    run(ask())


def test_a_photo_that_cannot_be_used_is_refused_and_frees_its_place(shop: Shop) -> None:
    async def ask() -> None:
        async with serving(shop) as (live, heard):
            with live.hold() as pair, pytest.raises(ImageError):
                await pair.see(b"no photo")
            assert (live.held, heard.passes) == (0, [])
            with live.hold() as pair, pytest.raises(ValueError, match="takes one photo"):
                pair.network.submit(np.zeros((SIDE, SIDE, 4), np.uint8))
            passed = pair.network.submit(np.zeros((SIDE, SIDE, 3), np.uint8))
            assert (await asyncio.wrap_future(passed)).jobs == 1

    run(ask())


def test_a_request_without_a_place_is_told_to_come_again(shop: Shop) -> None:
    async def ask() -> None:
        async with serving(shop, photos=3) as (live, heard):
            with live.hold(), live.hold(2):
                with pytest.raises(ProblemError) as refused, live.hold():
                    pass
                assert refused.value.status_code == 503
                assert refused.value.headers == {"Retry-After": "1"}
                assert live.held == 3
                with live.hold(0):  # what has no photo needs no place
                    pass
            with live.hold(100):  # alone, it may have as many as a request can
                assert live.held == 100
            assert live.held == 0
            assert heard.told[1:] == ["refused"]

    run(ask())


class TestTakingOver:
    def test_requests_in_flight_end_with_the_pair_that_they_began_with(
        self, shop: Shop, gate: Gate
    ) -> None:
        async def ask() -> None:
            async with serving(shop) as (live, heard):
                with gate.shut(), live.hold() as old:
                    asked = asyncio.create_task(old.see(painted(1)))
                    await gate.occupied()
                    published = await asyncio.to_thread(switch, shop, by_build=False)
                    takes_over = asyncio.create_task(asyncio.to_thread(live.refresh))
                    # Its network is warm without a pass; the gate is for passes.
                    await takes_over
                    with live.hold() as new:
                        assert (old.model, new.model) == (BLUE, RED)
                        gate.open.set()
                        seen, other = await asked, await new.see(painted(1))
                        pairs = ((old, seen), (new, other))
                        results = [own.searcher.answer(one.predictions) for own, one in pairs]
                assert [result.model for result in results] == [BLUE, RED]
                assert [result.hits[0].item.item_id for result in results] == ["item-1"] * 2
                assert heard.told[-1] == (published.model, published.index)
                with pytest.raises(RuntimeError, match="closed"):
                    await old.see(painted(1))  # nobody holds it any more

        run(ask())

    def test_a_new_index_of_the_same_model_takes_the_network_on(self, shop: Shop) -> None:
        loads: list[str | None] = []

        def counted(shop: Shop, model: str | None) -> PhotoEmbedder:
            loads.append(model)
            return load(shop, model)

        async def ask() -> None:
            async with serving(shop, counted) as (live, _):
                with live.hold() as old:
                    switch(shop, by_build=True)
                    switch(shop, by_build=True)  # another version of the model that serves
                    await asyncio.to_thread(live.refresh)
                    with live.hold() as new:
                        assert (old.index != new.index, old.network is new.network) == (True, True)
                    await old.see(painted(1))
                with live.hold() as new:
                    await new.see(painted(1))  # the old pair's end has not ended the network

        run(ask())
        assert loads == [BLUE]

    def test_the_old_pair_is_freed(self, shop: Shop) -> None:
        async def ask() -> None:
            async with serving(shop) as (live, _):
                with live.hold() as pair:
                    await pair.ask(painted(1), Classification(lambda *_: None))
                    kept = [weakref.ref(thing) for thing in (pair, pair.network, pair.searcher)]
                del pair
                switch(shop, by_build=False)
                await asyncio.to_thread(live.refresh)
                for _ in range(100):  # the network's thread ends by itself
                    gc.collect()
                    if not any(ref() for ref in kept):
                        return
                    await asyncio.sleep(0.01)
                pytest.fail(f"still there: {[ref() for ref in kept if ref()]}")

        run(ask())

    def test_a_pair_that_cannot_be_loaded_leaves_the_old_one_serving(self, shop: Shop) -> None:
        def only_blue(shop: Shop, model: str | None) -> PhotoEmbedder:
            if model == RED:
                raise MemoryError("no memory for another network")
            return load(shop, model)

        async def ask() -> None:
            async with serving(shop, only_blue) as (live, heard):
                switch(shop, by_build=False)
                await asyncio.to_thread(live.refresh)
                with live.hold() as pair:
                    told = await pair.ask(painted(1), Classification(lambda *_: None))
                    assert json.loads(told)["model"] == BLUE
                # An index that belongs to another model than it is published with.
                pairs = {
                    json.loads(p.read_text())["model_fingerprint"]: p.parent.name
                    for p in shop.indexes.glob("*/manifest.json")
                }
                shop.publish(Current(BLUE, pairs[RED]))
                await asyncio.to_thread(live.refresh)
                with live.hold() as pair:
                    assert (pair.model, pair.index) == (BLUE, pairs[BLUE])
                assert len(heard.told) == 3
                assert heard.told[1] == "no memory for another network"
                assert pairs[RED] in str(heard.told[2])

        run(ask())
