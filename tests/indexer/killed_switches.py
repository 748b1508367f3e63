"""Run as a program: kills a switch of model and index just before each of its steps.

`python killed_switches.py WHAT SHOP FOLDER 3` copies SHOP to FOLDER/0, FOLDER/3, … and kills the
switch in copy n before its nth touch of models, index files, TRAINED or CURRENT, until one lives.
"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from indexer.shop import Shop
from indexer.versions import rollback
from tests.indexer.gated_shop import Knowing, Trained, truth
from tests.indexer.killed_builds import TOUCHES
from tests.indexer.killed_steps import die_at, until_one_lives

BEFORE, AFTER = "a" * 16, "b" * 16
PLACES = ("/models", "/indexes", "TRAINED", "CURRENT")


def networks(shop: Shop) -> Trained:
    """Return the shop's models: two that know everything, each with an embedding of its own."""
    models = Trained(shop)
    models.networks = {
        BEFORE: Knowing(truth(), BEFORE, embedding="e" * 16),
        AFTER: Knowing(truth(), AFTER, embedding="f" * 16),
    }
    return models


def train_and_build(shop: Shop) -> None:
    models = networks(shop)
    models.train(models.networks[AFTER])
    models.build()


def promote(shop: Shop) -> None:
    networks(shop).promote(AFTER)


def go_back(shop: Shop) -> None:
    rollback(shop)


SWITCHES: dict[str, Callable[[Shop], None]] = {
    "build": train_and_build,
    "promote": promote,
    "rollback": go_back,
}


def switch_until(what: str, shop: Path, step: int) -> None:
    """Switch; the `step`th touch kills the process without any clean-up."""
    die_at(step, lambda event, told: event in TOUCHES and any(place in told for place in PLACES))
    with Shop.open(shop) as opened:
        SWITCHES[what](opened)


def main(what: str, shop: Path, folder: Path, every: int) -> None:
    until_one_lives(
        lambda step: switch_until(what, shutil.copytree(shop, folder / str(step)), step), every
    )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
