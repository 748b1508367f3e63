"""Run as a program: kills a build just before each of its steps, in a fresh copy of a shop.

`python killed_builds.py SHOP FOLDER` copies SHOP to FOLDER/0, FOLDER/1, … and kills the build in
copy n before its nth touch of an index file, of CURRENT or of the network, until one lives.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer import embedding
from indexer.build import build
from indexer.shop import Shop
from tests.indexer.killed_steps import die_at, until_one_lives
from tests.indexer.tiny_shop import TinyEmbedder, TinyPredictions

TOUCHES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "embed"}


class AuditedEmbedder(TinyEmbedder):
    def __call__(self, pixels: NDArray[np.uint8]) -> TinyPredictions:
        sys.audit("embed", "indexes")
        return super().__call__(pixels)


def build_until(shop: Path, step: int) -> None:
    """Build; the `step`th touch kills the process without any clean-up."""
    die_at(step, lambda event, told: event in TOUCHES and ("indexes" in told or "CURRENT" in told))
    with Shop.open(shop) as opened:
        build(opened, embedder=AuditedEmbedder())


def main(shop: Path, folder: Path) -> None:
    embedding.BULK = 4  # photos that are committed together: so few that there are several
    until_one_lives(lambda step: build_until(shutil.copytree(shop, folder / str(step)), step))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
