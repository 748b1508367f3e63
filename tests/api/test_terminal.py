"""What every command shares: one document on stdout, progress on stderr, exit codes."""

import io
import json

import pytest
import typer
from rich.console import Console

from api.cli.progress import Bars, Lines, format_rate, format_seconds
from api.cli.tables import facts, listing
from api.cli.terminal import Terminal
from vsearch.errors import ShopError
from vsearch.progress import track


def test_json_is_one_document_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal(as_json=True) as terminal:
        for _ in track(range(3), 3, "work", terminal.progress):
            pass
        terminal.note("a note")
        terminal.answer({"title": "Süßes [bold]", "none": None}, "not shown")
    out, err = capsys.readouterr()
    assert json.loads(out) == {"title": "Süßes [bold]", "none": None}
    assert "Süßes" in out
    assert "work: 3 of 3" in err
    assert "a note" in err


def test_people_see_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal() as terminal:
        terminal.answer({"x": 1}, listing(("name", "share"), [("[red]shirt", "9.0 %")]))
    out, _ = capsys.readouterr()
    assert "[red]shirt" in out  # the shop's words are never taken for markup


@pytest.mark.parametrize("error", [ShopError("the shop is shut"), PermissionError("not allowed")])
def test_an_error_is_one_line_and_exit_1(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, Terminal():
        raise error
    assert ended.value.exit_code == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"Error: {error}\n")


def test_an_error_is_a_document_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, Terminal(as_json=True):
        raise ShopError("the shop is shut")
    assert ended.value.exit_code == 1
    out, err = capsys.readouterr()
    assert json.loads(out) == {"error": "the shop is shut"}
    assert err == ""


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), Terminal():
        raise ZeroDivisionError


def test_a_failure_on_the_way_ends_with_1() -> None:
    with pytest.raises(typer.Exit) as ended, Terminal() as terminal:
        terminal.failed = True
    assert ended.value.exit_code == 1


def test_an_interrupt_says_that_nothing_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, Terminal():
        raise KeyboardInterrupt
    assert ended.value.exit_code == 130
    assert "run it again" in capsys.readouterr().err


def test_quiet_shows_neither_progress_nor_notes(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal(quiet=True) as terminal:
        terminal.progress("work", 0, 2)
        terminal.note("a note")
        terminal.warn("look here")
    assert capsys.readouterr().err == "Warning: look here\n"


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    file = io.StringIO()
    lines = Lines(Console(file=file, width=100))
    for done in range(41):
        lines("embed", done, 40)
        clock[0] += 1
    lines("embed", 40, 40)
    lines("nothing", 0, 0)
    assert file.getvalue().splitlines() == [
        "embed: 0 of 40",
        "embed: 11 of 40, 1.0/s, 29 s left",
        "embed: 22 of 40, 1.0/s, 18 s left",
        "embed: 33 of 40, 1.0/s, 7.0 s left",
        "embed: 40 of 40, 1.0/s, in 40 s",
    ]


def test_a_resumed_stage_counts_only_what_was_done_now(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 20.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    file = io.StringIO()
    lines = Lines(Console(file=file, width=100))
    lines("embed", 800, 1000)
    lines("embed", 900, 1000)
    assert file.getvalue().splitlines()[1] == "embed: 900 of 1,000, 5.0/s, 20 s left"


def test_a_terminal_gets_a_bar_for_each_stage() -> None:
    file = io.StringIO()
    bars = Bars(Console(file=file, width=100, force_terminal=True))
    for stage in ("decode", "embed"):
        for _ in track(range(2), 2, stage, bars):
            pass
    bars("nothing", 0, 0)
    bars.stop()
    last = file.getvalue()
    assert "decode" in last
    assert "embed" in last
    assert "nothing" not in last
    assert "2/2" in last


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (60, "1 min 00 s"),
     (185, "3 min 05 s"), (3720, "1 h 02 min")],
)  # fmt: skip
def test_durations_as_people_say_them(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("rate", "text"), [(1234.5, "1,234/s"), (3.21, "3.2/s"), (0.25, "4.0 s each")]
)
def test_rates_as_people_say_them(rate: float, text: str) -> None:
    assert format_rate(rate) == text


def test_facts_and_listings_group_thousands_and_mark_what_is_missing() -> None:
    file = io.StringIO()
    console = Console(file=file, width=60)
    console.print(facts([("items", 12345), ("model", None), ("fine", True)]))
    console.print(listing(("share",), [(0.12345,), (None,)]))
    text = file.getvalue()
    assert "12,345" in text
    assert "–" in text
    assert "yes" in text
    assert "0.123" in text


def test_many_results_are_json_lines_each_with_its_own_progress(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Terminal(as_json=True) as terminal:
        for number in range(2):
            list(track(range(3), 3, "work", terminal.progress))
            terminal.line({"round": number, "title": "Süßes"}, "not shown")
    out, err = capsys.readouterr()
    assert [json.loads(line)["round"] for line in out.splitlines()] == [0, 1]
    assert err.count("work: 0 of 3") == err.count("work: 3 of 3") == 2
    with Terminal(quiet=True) as terminal:
        terminal.line({}, "[red]one line")
        list(track(range(3), 3, "work", terminal.progress))
    assert capsys.readouterr() == ("[red]one line\n", "")
