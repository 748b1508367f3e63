"""Photos read ahead of the network: in order, in batches, never too many at once."""

import threading
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.embedding import predict
from tests.indexer.tiny_shop import SIDE, TinyEmbedder


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Photos in bulk come in batches of four here."""
    monkeypatch.setattr("indexer.embedding.BULK", 4)


def pixels_of(number: int) -> NDArray[np.uint8]:
    return np.full((SIDE, SIDE, 3), number, np.uint8)


def odd_only(number: int) -> NDArray[np.uint8] | None:
    return pixels_of(number) if number % 2 else None


def reading_fails(number: int) -> NDArray[np.uint8]:
    if number == 6:
        raise OSError("the disk is gone")
    return pixels_of(number)


def reader_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("photos")]


def test_batches_keep_the_order_and_leave_out_what_reading_leaves_out() -> None:
    embedder = TinyEmbedder()
    batches = list(predict(embedder, range(1, 20), odd_only))
    assert [jobs for jobs, _ in batches] == [[1, 3, 5, 7], [9, 11, 13, 15], [17, 19]]
    for jobs, predictions in batches:
        alone = TinyEmbedder()(np.stack([pixels_of(job) for job in jobs]))
        np.testing.assert_array_equal(predictions.embeddings, alone.embeddings)


def test_only_a_few_batches_are_read_ahead() -> None:
    read: list[int] = []

    def note(number: int) -> NDArray[np.uint8]:
        read.append(number)
        return pixels_of(number)

    batches = predict(TinyEmbedder(), range(250), note)
    next(batches)
    assert len(read) <= 4 + 2 * 4
    assert sum(len(jobs) for jobs, _ in batches) == 246


def stops_after_one_batch() -> None:
    for _ in predict(TinyEmbedder(), range(100), pixels_of):
        raise KeyboardInterrupt


def fails_to_read() -> None:
    list(predict(TinyEmbedder(), range(100), reading_fails))


@pytest.mark.parametrize(
    ("run", "error"), [(stops_after_one_batch, KeyboardInterrupt), (fails_to_read, OSError)]
)
def test_no_thread_outlives_an_interrupt(
    run: Callable[[], None], error: type[BaseException]
) -> None:
    with pytest.raises(error):
        run()
    assert reader_threads() == []
