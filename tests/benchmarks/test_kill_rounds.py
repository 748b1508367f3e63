"""The kills of `tests/indexer/test_kill_rounds.py`, in many more rounds."""

from pathlib import Path

import pytest

from tests.indexer.test_kill_rounds import killed_rounds

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

ROUNDS = 60


def test_many_rounds_of_kills_lose_nothing(tmp_path: Path) -> None:
    totals = killed_rounds(tmp_path, rounds=ROUNDS, seed=1000)
    print(f"\n{ROUNDS} rounds of two writers, a builder and a reader, each killed: {totals}")
    assert min(totals.values()) > ROUNDS // 2, totals
