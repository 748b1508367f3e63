"""A kill -9 at any step of a switch leaves the old pair serving, or the new one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.models import models
from indexer.shop import Shop
from indexer.versions import IndexVersion
from tests.indexer.gated_shop import gated, gated_folder
from tests.indexer.killed_switches import AFTER, BEFORE, SWITCHES, networks

__all__ = ["gated", "gated_folder"]

REPOSITORY = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("killed_switches.py")
# What serves in the end, and how many touches a switch has at least.
ENDS = {"build": (AFTER, 60), "promote": (AFTER, 60), "rollback": (BEFORE, 15)}


def kill_at_steps(what: str, shop: Path, folder: Path, every: int) -> list[Path]:
    """Return the copies: those that were killed, and the last one, which lived."""
    folder.mkdir()
    subprocess.run(
        [sys.executable, str(PROGRAM), what, str(shop), str(folder), str(every)],
        check=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "OPENBLAS_NUM_THREADS": "1"},
    )
    return sorted(folder.iterdir(), key=lambda copy: int(copy.name))


def prepare(shop: Shop, what: str) -> None:
    """Let a first model serve, with whatever a switch starts from beside it."""
    made = networks(shop)
    made.train(made.networks[BEFORE])
    made.build()
    if what != "build":
        made.train(made.networks[AFTER])
    if what == "rollback":
        made.build()


def plain(answers: list[object]) -> list[object]:
    """Return answers without the name of the index version, which every build chooses anew."""
    return [one[:3] for one in answers]  # type: ignore[index]


@pytest.mark.parametrize(
    ("what", "every"),
    [
        ("build", 9),
        ("promote", 13),
        ("rollback", 4),
        *(pytest.param(what, 1, marks=pytest.mark.slow) for what in SWITCHES),
    ],
)
def test_a_killed_switch_leaves_the_old_pair_or_the_new_one(
    gated: Shop, tmp_path: Path, what: str, every: int
) -> None:
    prepare(gated, what)
    first, old = gated.current(), plain(networks(gated).answers())
    gated.close()
    copies = kill_at_steps(what, gated.path, tmp_path / "killed", every)
    end, touches = ENDS[what]
    with Shop.open(copies[-1]) as lived:
        assert lived.current().model == end
        new = plain(networks(lived).answers())
    assert new != old
    assert len(copies) > touches / every
    served = set()
    for number, copy in enumerate(copies):
        with Shop.open(copy) as shop:
            made, current = networks(shop), shop.current()
            switched = current != first
            served.add(switched)
            answers = made.answers()
            assert plain(answers) == (new if switched else old)
            assert {one[3] for one in answers} == {current.index}  # type: ignore[index]
            left = AFTER if switched and what == "rollback" else None
            assert current.chosen_over == left  # what builds keep switches with the pair
            assert sum(entry.state == "serving" for entry in models(shop)) == 1
            if number % 4 == 0 and not switched:
                SWITCHES[what](shop)
                assert shop.current().model == end
                assert plain(made.answers()) == new
                IndexVersion.open(shop.indexes / str(shop.current().index)).verify()
    assert served == {False, True}
