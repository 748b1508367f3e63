"""Run as a program: kills an edit of the category tree just before each of its steps.

`python killed_edits.py SHOP FOLDER MODEL` copies SHOP to FOLDER/0, FOLDER/1, … and kills the edit
in copy n before its nth touch of a file of the shop beside the catalogue, until one lives. MODEL is
what the model that serves becomes, whose folder is in the shop already.
"""

import shutil
import sys
from pathlib import Path
from unittest.mock import patch

from indexer import category_edits
from indexer.category_edits_publish import Following
from indexer.shop import Shop
from indexer.versions import IndexVersion
from tests.indexer.killed_steps import die_at, until_one_lives

TOUCHES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link"}
OLD, NEW = "Apple", "Apples"


def following(shop: Shop, model: str) -> Following:
    """Return what `prepare` does, without a network."""
    current, trained = shop.current(), shop.trained_model()
    judge = IndexVersion.open(shop.indexes / str(current.index)).judge
    assert judge is not None
    told = {**judge.to_json(), "model_fingerprint": model}
    return Following(current, trained, {str(current.model): model}, told)


def edit_until(folder: Path, model: str, step: int) -> None:
    """Rename a category; the `step`th touch kills the process without any clean-up."""
    with Shop.open(folder) as shop:
        prepared = following(shop, model)
        patch.object(category_edits, "prepare", lambda *_: prepared).start()

        def touches(event: str, told: str) -> bool:
            return event in TOUCHES and str(folder) in told and "catalogue.db" not in told

        die_at(step, touches)
        category_edits.rename(shop, OLD, NEW)


def main(shop: Path, folder: Path, model: str) -> None:
    until_one_lives(lambda step: edit_until(shutil.copytree(shop, folder / str(step)), model, step))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
