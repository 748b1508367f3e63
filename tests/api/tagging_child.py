"""A program of its own for the kill test: tags and sorts a folder, and tells every batch."""

import sys
from pathlib import Path

from api.bulk_tagging import tag_folder
from api.sorting import Sorter
from api.tagging import Tagger
from tests.indexer.tiny_shop import TinyEmbedder
from vsearch.data import Label

LABELS = [Label(name, ("Things", name)) for name in ("Bowl", "Cup", "Jug")]


def tiny_tagger() -> Tagger:
    return Tagger(TinyEmbedder(LABELS), 10**6, 10**6)


def tell(stage: str, done: int, _total: int, /) -> None:
    """Say how many photos are classified and sorted."""
    if stage == "classify":
        sys.stdout.write(f"{done}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    folder, out, into, how = sys.argv[1:]
    sorter = Sorter(Path(into), link=how == "link")
    tag_folder(tiny_tagger(), Path(folder), Path(out), sorter=sorter, progress=tell)
