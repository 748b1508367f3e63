"""A training that is killed at any step goes on and ends with the same weights, bit for bit."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).parents[2]
CHILD = "tests.vsearch.fit_child"
STEPS = 40


def start(folder: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", CHILD, str(folder), str(out), str(STEPS)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


def steps_until(process: subprocess.Popen[str], last: int) -> list[int]:
    """Return the steps that were reported until `last` was."""
    assert process.stdout is not None
    told = []
    for line in process.stdout:
        if not line.strip().isdigit():
            continue
        told.append(int(line))
        if told[-1] >= last:
            break
    return told


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    folder = tmp_path_factory.mktemp("whole")
    process = start(folder / "checkpoints", folder / "out.npz")
    process.communicate(timeout=120)
    assert process.returncode == 0
    return dict(np.load(folder / "out.npz"))


def test_killed_twice_it_ends_with_the_same_weights(
    undisturbed: dict[str, np.ndarray], tmp_path: Path
) -> None:
    folder, out = tmp_path / "checkpoints", tmp_path / "out.npz"
    resumed = []
    for kill_at in (7, 23):
        process = start(folder, out)
        resumed.append(steps_until(process, kill_at)[0])
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    assert resumed[0] == 0
    assert 5 <= resumed[1] <= 7  # the step that was being written may be lost
    process = start(folder, out)
    process.communicate(timeout=120)
    assert process.returncode == 0
    found = dict(np.load(out))
    assert found.keys() == undisturbed.keys()
    for name, array in undisturbed.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
