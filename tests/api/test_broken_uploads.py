"""Hundreds of broken uploads: each is refused with a problem, and the server stays as it was.

They are put to a server in a process of its own, whose memory is looked at before and after. The
benchmarks send every file in every way.
"""

from pathlib import Path

from tests.api.broken_photos import all_photos
from tests.api.upload_asker import WAYS, asking, resources, send_all

MOST_GROWTH = 1500 * 2**20  # bytes; a photo of as many pixels as are taken needs 200 to 550 MB


def test_broken_uploads_are_refused_and_the_server_stays_as_it_was(tmp_path: Path) -> None:
    with asking(tmp_path) as asker:
        memory, files = resources(asker.server)
        photos = all_photos()
        ways = [("search", WAYS[number % len(WAYS)]) for number in range(len(photos))]
        assert send_all(asker, photos, ways) >= 500
        assert asker.wrong == []
        assert {413, 415, 422} <= asker.answers.keys()
        asker.works()
        grown, still_open = resources(asker.server)
        assert grown - memory < MOST_GROWTH
        assert still_open <= files + 8  # SQLite opens one for each thread
