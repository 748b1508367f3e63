"""Run as a program: kills backups, or restorations, just before each of their steps.

`python killed_copies.py backup SHOP FOLDER 3` writes FOLDER/0, FOLDER/3, … and kills number n
before its nth touch of a file there, until one lives; `restore ARCHIVE FOLDER 3` does so with
shops.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from indexer import pair
from indexer.backup import backup
from indexer.restore import restore
from indexer.shop import Shop
from tests.indexer.killed_steps import die_at, until_one_lives

TOUCHES = {
    "open",
    "sqlite3.connect",
    "os.mkdir",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.utime",
    "shutil.rmtree",
}


def copy_until(what: str, source: Path, target: Path, step: int) -> None:
    """Back up or restore; the `step`th touch kills the process without any clean-up."""

    def touches(event: str, told: str) -> bool:
        return event in TOUCHES and str(target.parent) in told

    if what == "backup":
        with Shop.open(source) as shop:
            die_at(step, touches)
            backup(shop, target)
    else:
        die_at(step, touches)
        restore(source, target)


@dataclass(frozen=True)
class ToldModel:
    """A model as its model.json tells of it: loading it would take most of the time."""

    model_fingerprint: str
    embedding_fingerprint: str

    @classmethod
    def load(cls, folder: Path) -> "ToldModel":
        told = json.loads((folder / "model.json").read_text())
        return cls(told["model_fingerprint"], told["embedding_fingerprint"])


def main(what: str, source: Path, folder: Path, every: int) -> None:
    pytest.MonkeyPatch().setattr(pair, "Bundle", ToldModel)
    until_one_lives(lambda step: copy_until(what, source, folder / str(step), step), every)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
