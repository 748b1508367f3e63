"""Run as a program: kills backups, or restorations, just before each of their steps.

`python killed_copies.py backup SHOP FOLDER 3` writes FOLDER/0, FOLDER/3, … and kills number n
before its nth touch of a file there, until one lives; `restore ARCHIVE FOLDER 3` does so with
shops.
"""

import json
import os
import signal
import sys
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from indexer import pair
from indexer.backup import backup
from indexer.restore import restore
from indexer.shop import Shop

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
    steps = count()

    def kill(event: str, arguments: tuple[object, ...]) -> None:
        touched = event in TOUCHES and str(target.parent) in str(arguments)
        if touched and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    if what == "backup":
        with Shop.open(source) as shop:
            sys.addaudithook(kill)
            backup(shop, target)
    else:
        sys.addaudithook(kill)
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
    for step in count(step=every):
        child = os.fork()
        if not child:
            copy_until(what, source, folder / str(step), step)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
