"""What the README shows is run, on a small shop in place of the demo's."""

import re
from pathlib import Path

import pytest

from tests.api.conftest import Manifests

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_photo_search_in_20_lines_runs(
    trained: Path, manifests: Manifests, capsys: pytest.CaptureFixture[str]
) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in program.splitlines() if line]) <= 20
    photo = manifests.folder / "images/test/red-box.png"
    for shown, real in (
        ("demo-shop/shop", str(trained / "shop")),
        ("photo.jpg", str(photo)),
        ("Home > Mugs", "box"),
    ):
        assert f'"{shown}"' in program
        program = program.replace(f'"{shown}"', repr(real))
    exec(program, {"__name__": "__main__"})
    printed = capsys.readouterr().out
    assert re.search(r"^[01]\.\d\d  .+ > .+$", printed, re.MULTILINE)
    assert re.search(r"^-?0\.\d\d\d  \S+-box  ", printed, re.MULTILINE)
    assert "'embed'" in printed


def test_every_command_is_in_the_readme() -> None:
    from api.cli import app  # noqa: PLC0415  only this test needs it

    commands = {command.name or command.callback.__name__ for command in app.registered_commands}  # type: ignore[union-attr]
    assert len(commands) >= 13
    assert {name for name in commands if f"`{name}" not in README} == set()
