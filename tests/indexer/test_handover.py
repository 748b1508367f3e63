"""Another network takes over: what was acknowledged meanwhile is found before and after."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer import build as building
from indexer import live_photos
from indexer.build import build
from indexer.live import upsert
from indexer.search import Searcher
from indexer.shop import Shop
from indexer.version_writer import write_version
from tests.indexer.live_shop import LiveShop, hash_of
from tests.indexer.tiny_shop import TinyEmbedder, TinyPredictions, item_row
from vsearch.errors import FingerprintMismatchError


class Meanwhile(TinyEmbedder):
    """Does something else before it answers for the first time."""

    def __init__(self, then: Callable[[], object]) -> None:
        super().__init__()
        self._then = [then]

    def __call__(self, pixels: NDArray[np.uint8]) -> TinyPredictions:
        while self._then:
            self._then.pop()()
        return super().__call__(pixels)


def other() -> TinyEmbedder:
    return TinyEmbedder(embedding_fingerprint="f" * 16, model_fingerprint="b" * 16)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveShop]:
    made = LiveShop(tmp_path)
    with made.shop:
        yield made


def written_after(then: Callable[[], object], patch: pytest.MonkeyPatch) -> None:
    """Let something happen when a build has embedded everything and writes its version."""

    def write(*arguments: object, **options: object) -> object:
        then()
        return write_version(*arguments, **options)  # type: ignore[arg-type]

    patch.setattr(building, "write_version", write)


def test_what_comes_while_another_network_is_built_is_found_by_it(
    live: LiveShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    written_after(lambda: live.upsert(live.row("pink", 50), live.row("gala", 1, 51)), monkeypatch)
    report = build(live.shop, embedder=other())
    searcher = Searcher.open(live.shop, embedder=other())
    assert searcher.version.name == report.version
    assert (live.found(50, searcher), live.found(51, searcher)) == ("pink", "gala")
    assert live.found(50) == "pink"  # those who have not taken over yet go on
    assert (report.embedded, report.indexed, report.waiting) == (6, 4, 0)


def test_what_an_import_left_waiting_goes_on_waiting(
    live: LiveShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = item_row(live.folder, "bulk", ("Fruit",), [60])
    written_after(lambda: live.shop.catalogue.upsert_items([row]), monkeypatch)
    report = build(live.shop, embedder=other())
    assert (report.embedded, report.waiting) == (4, 1)
    assert live.shop.catalogue.embeddings("f" * 16, [hash_of(60)]) == {}


def test_a_photo_that_is_gone_by_then_holds_nothing_up(
    live: LiveShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def come_and_go() -> None:
        live.upsert(live.row("pink", 50), live.row("red", 51))
        (live.folder / "50.png").unlink()

    written_after(come_and_go, monkeypatch)
    report = build(live.shop, embedder=other())
    assert (report.indexed, report.waiting, report.rejected) == (4, 1, 0)
    searcher = Searcher.open(live.shop, embedder=other())
    assert (live.found(50, searcher), live.found(51, searcher)) == (None, "red")


def test_an_upsert_that_meets_a_new_network_embeds_again_with_it(
    live: LiveShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish() -> None:
        with Shop.open(live.shop.path) as shop:
            build(shop, embedder=other())

    networks = {"a" * 16: Meanwhile(publish), "b" * 16: other()}
    monkeypatch.setattr(live_photos, "load_embedder", lambda _, model: networks[model])
    report = upsert(live.shop, [live.row("pink", 50)], folder=live.folder)
    assert (report.added, report.embedded, report.searchable) == (1, 1, 1)
    assert live.shop.catalogue.embeddings("e" * 16, [hash_of(50)]) == {}
    assert live.found(50, Searcher.open(live.shop, embedder=other())) == "pink"


def test_a_network_that_was_given_is_refused_once_another_serves(live: LiveShop) -> None:
    def publish() -> None:
        with Shop.open(live.shop.path) as shop:
            build(shop, embedder=other())

    before = live.state()
    with pytest.raises(FingerprintMismatchError, match="another model was published"):
        upsert(live.shop, [live.row("pink", 50)], embedder=Meanwhile(publish), folder=live.folder)
    assert live.state() == before


def test_another_index_of_the_same_network_is_no_matter(live: LiveShop) -> None:
    def publish() -> None:
        with Shop.open(live.shop.path) as shop:
            shop.catalogue.delete_items(["fuji"])
            build(shop, embedder=TinyEmbedder())

    given = Meanwhile(publish)
    report = upsert(live.shop, [live.row("pink", 50)], embedder=given, folder=live.folder)
    assert (report.searchable, given.photos) == (1, 1)
    assert live.found(50) == "pink"
    assert live.found(50, Searcher.open(live.shop, embedder=TinyEmbedder())) == "pink"


def test_a_first_index_that_comes_meanwhile_is_embedded_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LiveShop(tmp_path, built=False)
    with live.shop:
        # What serves is looked up before the photos are read, and again before they are committed.
        looked_up = iter([None, None])
        of = live_photos.Serving.of
        monkeypatch.setattr(live_photos.Serving, "of", lambda shop: next(looked_up, of(shop)))
        monkeypatch.setattr(live_photos, "load_embedder", lambda *_: TinyEmbedder())
        build(live.shop, embedder=TinyEmbedder())
        report = upsert(live.shop, [live.row("pink", 50)], folder=live.folder)
        assert (report.searchable, report.waiting, report.embedded) == (1, 0, 1)
        assert live.found(50, Searcher.open(live.shop, embedder=TinyEmbedder())) == "pink"
