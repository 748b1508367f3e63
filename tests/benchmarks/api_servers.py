"""Servers as processes of their own: started on a free port, waited for, watched, ended."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 180.0
_CLOCK = os.sysconf("SC_CLK_TCK")
SERVE = (sys.executable, "-c", "from api.cli import main; main()", "serve")


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Attributes:
        port: where, on this machine alone.
        process: its first process.
    """

    port: int
    process: "subprocess.Popen[bytes]"

    def rss(self) -> int:
        """Return the bytes of memory that it holds, all its processes together."""
        return sum(_status(pid, "VmRSS") for pid in self._pids())

    def cpu_seconds(self) -> float:
        """Return the processor time that it has taken, all its processes together."""
        return sum(_cpu_seconds(pid) for pid in self._pids())

    def pause(self) -> None:
        """Let it take no processor time until `resume`: some spin while nobody asks."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on, if it has not ended."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGCONT)

    def _pids(self) -> list[int]:
        pids = [self.process.pid]
        for pid in pids:
            for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
                pids += [int(child) for child in tasks.read_text().split()]
        return pids


def free_port() -> int:
    """Return a port that nobody listens at now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str],
    ready: str,
    *,
    log: Path,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run a server until the block ends.

    Args:
        command: starts it; the port follows as `--port PORT`.
        ready: the path that answers 200 once it serves.
        log: takes what it prints.
        settings: environment variables for it.

    Raises:
        RuntimeError: it ends at once, or does not answer in time.
    """
    port = free_port()
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | (settings or {}),
            start_new_session=True,
        )
    server = Server(port, process)
    try:
        _wait(process, f"http://127.0.0.1:{port}{ready}", log)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        server.resume()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with suppress(ProcessLookupError):  # nothing of it must go on taking processor time
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}: {_end(log)}")
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"no answer from {url} in {START_SECONDS:g} s: {_end(log)}")


def _end(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]


def _status(pid: int, name: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0  # it has just ended
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith(name + ":"))


def _cpu_seconds(pid: int) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _CLOCK
