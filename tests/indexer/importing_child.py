"""A program of its own for the kill test: imports a manifest and tells every batch."""

import sys
from pathlib import Path

from indexer import importing, intake
from indexer.shop import Shop


def tell(_stage: str, done: int, _total: int, /) -> None:
    """Say what is acknowledged."""
    sys.stdout.write(f"{done}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    intake._BATCH = 8  # many short transactions, so that a kill meets one
    with Shop.open(Path(sys.argv[1])) as opened:
        importing.import_manifest(opened, Path(sys.argv[2]), progress=tell)
