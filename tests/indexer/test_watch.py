"""Following a manifest: each version is imported and built once, a bad one breaks nothing."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from indexer import watch as watching
from indexer.build import build
from indexer.live import delete, upsert
from indexer.manifest_state import ManifestState
from indexer.search import Searcher
from indexer.shop import Shop
from indexer.watch import Round, Watch
from tests.indexer.tiny_shop import TinyEmbedder, painted


class Feed:
    """A shop, and another system that rewrites a manifest."""

    def __init__(self, root: Path) -> None:
        self.shop = Shop.create(root / "shop")
        self.shop.set_trained_model("a" * 16)
        self.path = root / "feed.csv"
        self.embedders: list[TinyEmbedder] = []
        for number in range(12):
            (root / f"{number}.png").write_bytes(painted(number))

    def write(self, *numbers: int, more: str = "") -> None:
        rows = [f"item-{n},{n}.png,Fruit\n" for n in numbers]
        draft = self.path.with_suffix(".draft")
        draft.write_text("item_id,image_path,category\n" + "".join(rows) + more)
        draft.rename(self.path)

    def load(self, _shop: Shop, model: str | None) -> TinyEmbedder:
        assert model is not None
        self.embedders.append(TinyEmbedder(model_fingerprint=model))
        return self.embedders[-1]

    def items(self) -> set[int]:
        return {int(item_id.removeprefix("item-")) for item_id in self.shop.catalogue.item_ids()}

    def rounds(self, *between: Callable[[], object], prune: bool = False) -> list[Round]:
        """Follow the manifest; do something between looks, twice nothing after each.

        The looks after which nothing is left to do end it.
        """
        left = [step for one in between for step in (one, _nothing, _nothing)]

        def wait(_seconds: float) -> None:
            if not left:
                raise KeyboardInterrupt
            left.pop(0)()

        watch = Watch(
            self.shop,
            self.path,
            lambda choose: build(self.shop, choose=choose),
            prune=prune,
            wait=wait,
        )
        done: list[Round] = []
        with suppress(KeyboardInterrupt):
            for one in watch.rounds():
                done.append(one)
        return done


def _nothing() -> None:
    pass


@pytest.fixture
def feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Feed]:
    made = Feed(tmp_path)
    monkeypatch.setattr(watching, "load_embedder", made.load)
    with made.shop:
        yield made


def test_each_version_of_the_manifest_is_imported_and_built(feed: Feed) -> None:
    feed.write(0, 1, 2)
    first, second = feed.rounds(_nothing, lambda: feed.write(0, 1, 2, 3))
    assert (first.number, first.because, first.error) == (1, "the first look", None)
    assert (second.number, second.because) == (2, "the manifest was rewritten")
    assert first.imported is not None
    assert first.built is not None
    assert second.imported is not None
    assert second.built is not None
    assert (first.imported.added, first.built.embedded, first.built.indexed) == (3, 3, 3)
    assert (second.imported.added, second.built.embedded, second.built.indexed) == (1, 1, 4)
    assert feed.shop.current().index == second.built.version
    (embedder,) = feed.embedders  # the network stays loaded
    assert embedder.photos == 4
    document = second.to_json()
    assert list(document) == ["round", "at", "because", "import", "build", "error"]
    assert document["error"] is None


def test_the_same_content_is_no_new_version(feed: Feed) -> None:
    feed.write(0, 1, 2)
    rounds = feed.rounds(
        _nothing, lambda: feed.write(0, 1, 2), lambda: os.utime(feed.path, ns=(5, 5))
    )
    assert len(rounds) == 1


def test_a_manifest_that_is_still_written_is_waited_for(feed: Feed) -> None:
    feed.write(0, 1)
    state = ManifestState(feed.path)
    assert not state.rewritten()
    feed.write(0, 1, 2)
    assert not state.rewritten()
    with feed.path.open("a") as file:
        file.write("item-3,3.png,Fruit\n")
    assert not state.rewritten()
    assert state.rewritten()
    assert not state.rewritten()
    feed.path.unlink()
    assert not state.rewritten()
    feed.write(4)
    assert not state.rewritten()
    assert state.rewritten()


def test_a_folder_is_followed_by_its_files(tmp_path: Path) -> None:
    state = ManifestState(tmp_path)
    (tmp_path / "Fruit").mkdir()
    (tmp_path / "Fruit" / "a.png").write_bytes(painted(1))
    assert [state.rewritten() for _ in range(3)] == [False, True, False]
    (tmp_path / "Fruit" / "b.png").write_bytes(painted(2))
    assert [state.rewritten() for _ in range(3)] == [False, True, False]


def test_a_manifest_that_comes_later_is_waited_for(feed: Feed) -> None:
    (only,) = feed.rounds(_nothing, lambda: feed.write(0))
    assert (only.number, only.error) == (1, None)


def test_a_bad_manifest_is_told_and_what_serves_goes_on(feed: Feed) -> None:
    feed.write(0, 1, 2)
    first, bad, good = feed.rounds(
        _nothing,
        lambda: feed.write(0, 1, more='"open,0.png'),
        lambda: feed.write(0, 1, 2, 3),
    )
    assert first.built is not None
    assert bad.error is not None
    assert "is a quotation mark missing" in bad.error
    assert (bad.imported, bad.built) == (None, None)
    assert good.built is not None
    assert (good.error, good.built.indexed) == (None, 4)


def test_what_is_no_longer_named_goes_with_prune_only(feed: Feed) -> None:
    feed.write(*range(10))
    _, second = feed.rounds(_nothing, lambda: feed.write(*range(9)))
    assert second.imported is not None
    assert (second.imported.removed, second.imported.would_be_removed) == (0, 1)
    (_, refused) = feed.rounds(_nothing, lambda: feed.write(0, 1), prune=True)
    assert refused.error is not None
    assert "more than 20 % would be removed" in refused.error
    assert feed.items() == set(range(9))  # the first look has pruned one


def test_what_failed_is_tried_again_and_told_once(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "RETRY_SECONDS", 0.0)
    feed.write(0, 1)
    lock = feed.shop.lock("build")
    lock.__enter__()
    failed, done = feed.rounds(_nothing, _nothing, lambda: lock.__exit__(None, None, None))
    assert failed.imported is not None
    assert failed.imported.added == 2
    assert failed.error is not None
    assert "another build is running" in failed.error
    assert (done.because, done.imported, done.error) == ("the last round failed", None, None)
    assert done.number > 2  # it was tried in between, too
    assert done.built is not None
    assert done.built.indexed == 2


def test_a_shop_without_a_model_waits_for_one(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    (feed.shop.path / "TRAINED").unlink()
    feed.write(0)
    (told,) = feed.rounds(_nothing)
    assert told.imported is not None
    assert told.error is not None
    assert "vsearch train" in told.error


def test_a_model_that_was_trained_meanwhile_takes_over_with_the_next_round(feed: Feed) -> None:
    feed.write(0, 1, 2)

    def train_and_write() -> None:
        (feed.shop.models / ("b" * 16)).mkdir(parents=True)
        feed.shop.set_trained_model("b" * 16)
        feed.write(0, 1, 2, 3)

    first, second, third = feed.rounds(_nothing, train_and_write, lambda: feed.write(0, 1, 2, 3, 4))
    assert first.built is not None
    assert second.built is not None
    assert third.built is not None
    assert (first.built.model, second.built.model) == ("a" * 16, "b" * 16)
    assert (first.built.gate, third.built.gate) == (None, None)
    assert second.to_json()["build"]["gate"]["passed"] is True  # type: ignore[index]
    assert third.built.model == "b" * 16
    assert len(feed.embedders) == 2  # each network was loaded once


def test_other_changes_call_for_a_rebuild_without_an_import(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "DUE_SECONDS", 0.0)
    changed: list[bool] = []

    def due(shop: Shop) -> str | None:
        return "many rows" if changed and changed.pop() else None

    monkeypatch.setattr(watching, "rebuild_due", due)

    def change() -> None:
        rows = [{"item_id": "item-11", "category": "Fruit", "photos": ["11.png"]}]
        upsert(feed.shop, rows, embedder=TinyEmbedder(), folder=feed.path.parent)
        delete(feed.shop, ["item-0"])
        changed.append(True)

    feed.write(0, 1, 2)
    first, second = feed.rounds(_nothing, change, prune=True)
    assert (second.because, second.imported, second.error) == ("many rows", None, None)
    assert first.built is not None
    assert second.built is not None
    assert second.built.version > first.built.version
    assert feed.items() == {1, 2, 11}  # what the manifest does not know yet was not pruned
    searcher = Searcher.open(feed.shop, embedder=TinyEmbedder())
    assert searcher.search(painted(11), top_k=1).hits[0].item.item_id == "item-11"
