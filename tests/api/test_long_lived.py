"""What a process does that answers for weeks."""

import gc
import os
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from api import cli
from api.long_lived import YOUNG, settle
from api.serving import SETTINGS_VARIABLE, make_app
from api.settings import ServerSettings
from vsearch.errors import ShopError


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Leave the garbage collector as it was."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


class Pair:
    """Something that knows itself."""

    def __init__(self) -> None:
        self.me = self


def test_what_is_there_is_looked_at_no_more() -> None:
    kept = [Pair() for _ in range(1000)]
    settle()
    assert gc.get_freeze_count() > len(kept)
    assert len(gc.get_objects()) < len(kept)
    assert gc.get_threshold()[0] == YOUNG


def test_what_the_pair_before_has_left_in_cycles_is_collected() -> None:
    pair = Pair()
    gone = weakref.ref(pair)
    settle()
    del pair
    assert gone() is not None  # frozen: no round of the collector comes by it
    gc.collect()
    assert gone() is not None
    settle()
    assert gone() is None


def test_cycles_made_later_are_found() -> None:
    settle()
    gone = weakref.ref(Pair())
    held = [[] for _ in range(2 * YOUNG)]  # type: ignore[var-annotated]
    assert gone() is None
    assert held


def test_commands_and_workers_keep_freed_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ServerSettings(shop=tmp_path / "none").model_dump_json()
    monkeypatch.setattr(os, "environ", {**os.environ, SETTINGS_VARIABLE: settings})
    called: list[str] = []
    monkeypatch.setattr("api.cli.keep_freed", lambda: called.append("command"))
    monkeypatch.setattr("api.cli.app", lambda: called.append("it runs"))
    cli.main()
    monkeypatch.setattr("api.serving.keep_freed", lambda: called.append("worker"))
    monkeypatch.setattr("api.logs.configure", lambda _: called.append("it runs"))
    with pytest.raises(ShopError):
        make_app()
    assert called == ["command", "it runs", "worker", "it runs"]
