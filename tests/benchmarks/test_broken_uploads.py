"""Every broken file in every way in which the API takes photos, twice: memory does not grow."""

import time
from pathlib import Path

import pytest

from tests.api.broken_photos import all_photos
from tests.api.upload_asker import WAYS, asking, resources, send_all

pytestmark = pytest.mark.slow

MOST_GROWTH = 100 * 2**20  # bytes, of the second round over the first


def test_broken_uploads_twice(tmp_path: Path) -> None:
    photos = all_photos()
    ways = [("search", *WAYS)] * len(photos)
    with asking(tmp_path) as asker:
        peaks = [resources(asker.server)]
        started = time.perf_counter()
        for _ in range(2):
            sent = send_all(asker, photos, ways)
            peaks.append(resources(asker.server))
        seconds = time.perf_counter() - started
        told = [(peak // 2**20, files) for peak, files in peaks]
        print(f"\n2 × {sent:,} uploads in {seconds:.0f} s: {dict(sorted(asker.answers.items()))}")
        print(f"peak memory, MB, and open files at the start and after each round: {told}")
        assert asker.wrong == []
        asker.works()
    assert peaks[2][0] - peaks[1][0] < MOST_GROWTH
    assert peaks[2][1] <= peaks[1][1] + 4
