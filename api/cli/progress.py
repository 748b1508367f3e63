"""Progress as people see it: a bar with rate and time left, or a plain line now and then."""

import threading
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.progress import Progress as RichProgress
from rich.text import Text

SECONDS_BETWEEN_LINES = 10.0


def format_rate(per_second: float) -> str:
    """Return a rate such as `103/s` or, where units are slow, `4.2 s each`."""
    if per_second >= 10:
        return f"{per_second:,.0f}/s"
    return f"{per_second:.1f}/s" if per_second >= 1 else f"{1 / per_second:.1f} s each"


def format_seconds(seconds: float) -> str:
    """Return a duration as people say it: `0.4 s`, `12 s`, `3 min 05 s`, `1 h 02 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class RateColumn(ProgressColumn):
    """Units per second, or seconds per unit where units are slow."""

    def render(self, task: Task) -> Text:
        """Return the rate of one bar; empty while it is unknown."""
        rate = task.finished_speed or task.speed
        return Text(format_rate(rate) if rate else "", style="cyan")


class TimeColumn(ProgressColumn):
    """The time left while a stage runs, the time it took when it is finished."""

    def render(self, task: Task) -> Text:
        """Return the time of one bar; empty while it is unknown."""
        if task.finished:
            return Text(f"in {format_seconds(task.finished_time or 0.0)}", style="dim")
        left = task.time_remaining
        return Text("" if left is None else f"{format_seconds(left)} left", style="yellow")


class Bars:
    """A `vsearch.progress.Progress` for a terminal: one bar for each stage.

    It may be called from any thread. The bars appear with the first stage, so a command that has
    nothing to do draws none.
    """

    def __init__(self, console: Console) -> None:
        self._bars = RichProgress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            RateColumn(),
            TimeColumn(),
            console=console,
        )
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int, /) -> None:
        """Draw `done` of `total` units of `stage`."""
        if total == 0:
            return
        with self._lock:
            if stage in self._tasks:
                self._bars.update(self._tasks[stage], completed=done, total=total)
                return
            self._bars.start()
            self._tasks[stage] = self._bars.add_task(stage, total=total, completed=done)

    def stop(self) -> None:
        """Leave the bars as they are and give the terminal back."""
        if self._tasks:
            self._bars.stop()


class Lines:
    """A `vsearch.progress.Progress` for a log file: a line now and then, one at each end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started: dict[str, tuple[float, int]] = {}
        self._printed = (0.0, "", -1)  # when, stage, done

    def __call__(self, stage: str, done: int, total: int, /) -> None:
        """Print a line when the stage begins or ends, and every ten seconds in between."""
        now = time.monotonic()
        begins = stage not in self._started
        started, already = self._started.setdefault(stage, (now, done))
        printed_at, *printed = self._printed
        due = begins or done == total or now - printed_at > SECONDS_BETWEEN_LINES
        if total == 0 or not due or printed == [stage, done]:
            return
        self._printed = (now, stage, done)
        self._console.print(_line(stage, done, total, done - already, now - started))

    def stop(self) -> None:
        """Do nothing: every line is complete in itself."""


def _line(stage: str, done: int, total: int, finished_here: int, seconds: float) -> str:
    line = f"{stage}: {done:,} of {total:,}"
    if not finished_here or seconds <= 0:
        return line
    rate = finished_here / seconds
    if done == total:
        return f"{line}, {format_rate(rate)}, in {format_seconds(seconds)}"
    return f"{line}, {format_rate(rate)}, {format_seconds((total - done) / rate)} left"
