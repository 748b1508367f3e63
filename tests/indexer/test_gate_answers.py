"""What real networks say of held-out photos: by their heads wherever the embeddings are known."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.gate import judge_candidate
from indexer.gate_answers import ask, ask_again, held_out
from indexer.shop import Shop
from tests.indexer.bundled_shop import tiny_bundle
from tests.indexer.tiny_network import offer_tiny
from tests.indexer.tiny_shop import add_further, make_shop
from vsearch.bundle import Bundle
from vsearch.data import Label
from vsearch.embed import Embedder, Predictions

APPLE, MILK = ("Fruit", "Apple"), ("Dairy", "Milk")
LABELS = (Label("Dairy > Milk", MILK), Label("Fruit > Apple", APPLE))


class Counting(Embedder):
    """Counts the photos that it sees."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle)
        self.photos = 0

    def __call__(self, pixels: NDArray[np.uint8]) -> Predictions:
        self.photos += len(pixels)
        return super().__call__(pixels)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    offer_tiny(monkeypatch)
    with make_shop(tmp_path, {"apple": (APPLE, [0, 1]), "milk": (MILK, [2, 3])}) as made:
        for seed in range(100, 112):
            add_further(made, ("apple", "milk")[seed % 2], seed, "val")
        yield made


def model(seed: int = 0, *, turned: bool = False) -> Counting:
    """Return a network of random weights, if wanted with its labels exchanged."""
    return Counting(replace(tiny_bundle(seed), labels=LABELS[::-1] if turned else LABELS))


def silent(_stage: str, _done: int, _total: int, /) -> None:
    pass


def test_what_is_known_of_photos_is_not_asked_again(shop: Shop) -> None:
    first = model()
    photos = held_out(shop, first, "labels").photos
    seen = ask(shop, first, photos, silent)
    assert (len(seen.hashes), first.photos) == (12, 12)
    again = model()
    known = ask(shop, again, photos, silent)
    assert (known.hashes, again.photos) == (seen.hashes, 0)
    np.testing.assert_array_equal(known.probabilities, seen.probabilities)


def test_a_head_says_of_embeddings_what_the_network_says_of_photos(shop: Shop) -> None:
    class Whole(Counting):
        by_embedding = False

    by_head, whole = model(), Whole(replace(tiny_bundle(), labels=LABELS))
    photos = held_out(shop, whole, "labels").photos
    expected, found = ask(shop, whole, photos, silent), ask(shop, by_head, photos, silent)
    assert (whole.photos, by_head.photos) == (12, 12)
    for name in ("embeddings", "probabilities", "assigned", "shares"):
        expected_part, part = getattr(expected.of(found.hashes), name), getattr(found, name)
        np.testing.assert_allclose(part, expected_part, atol=1e-6, err_msg=name)
    assert ask_again(whole, found) is None
    assert ask(shop, by_head, (), silent).probabilities.shape == (0, 2)


def test_a_candidate_of_the_same_embedding_sees_no_photo(shop: Shop) -> None:
    standing, candidate = model(), model(turned=True)
    told: list[tuple[str, int, int]] = []
    report = judge_candidate(shop, candidate, standing, progress=lambda *call: told.append(call))
    assert (report.photos, standing.photos, candidate.photos) == (12, 12, 0)
    (before, after) = (
        sum(getattr(one, side) * one.photos for one in report.changes.labels)
        for side in ("before", "after")
    )
    assert before + after == 12  # with exchanged labels exactly the others are right
    assert {stage for stage, _, _ in told} == {"gate"}
    assert (told[0], told[-1]) == (("gate", 0, 24), ("gate", 24, 24))


def test_a_candidate_of_another_embedding_sees_each_photo_once(shop: Shop) -> None:
    standing, candidate = model(), model(1)
    judge_candidate(shop, candidate, standing)
    assert (standing.photos, candidate.photos) == (12, 12)
