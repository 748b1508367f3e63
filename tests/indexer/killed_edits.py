"""Run as a program: kills an edit of the category tree just before each of its steps.

`python killed_edits.py SHOP FOLDER MODEL` copies SHOP to FOLDER/0, FOLDER/1, … and kills the edit
in copy n before its nth touch of a file of the shop beside the catalogue, until one lives. MODEL is
what the model that serves becomes, whose folder is in the shop already.
"""

import os
import shutil
import signal
import sys
from itertools import count
from pathlib import Path
from unittest.mock import patch

from indexer import category_edits
from indexer.category_edits_publish import Following
from indexer.shop import Shop
from indexer.versions import IndexVersion

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
        steps = count()

        def kill(event: str, arguments: tuple[object, ...]) -> None:
            touched = event in TOUCHES and str(folder) in str(arguments)
            if touched and "catalogue.db" not in str(arguments) and next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(kill)
        category_edits.rename(shop, OLD, NEW)


def main(shop: Path, folder: Path, model: str) -> None:
    for step in count():
        copy = folder / str(step)
        shutil.copytree(shop, copy)
        child = os.fork()
        if not child:
            edit_until(copy, model, step)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
