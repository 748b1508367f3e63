"""Writers, a builder and a reader, killed at any moment: nothing acknowledged is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tests" / "indexer" / "killed_shop.py"


def killed_rounds(folder: Path, rounds: int, seed: int) -> dict[str, int]:
    """Run rounds of kills, with all checks after each; return how much happened in them."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(folder), str(rounds), str(seed)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    totals: dict[str, int] = json.loads(done.stdout)
    return totals


def test_processes_killed_at_any_moment_lose_nothing(tmp_path: Path) -> None:
    totals = killed_rounds(tmp_path, rounds=4, seed=11)
    assert min(totals.values()) > 0, totals
