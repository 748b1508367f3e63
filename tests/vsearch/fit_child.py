"""Trains the toy task with a checkpoint after every step; is killed by its parent.

python fit_child.py CHECKPOINTS OUT STEPS
"""

import sys
import time
from pathlib import Path

import numpy as np

from tests.vsearch.toy_task import toy_task
from vsearch.bundle import weights_of
from vsearch.checkpoints import Checkpoints
from vsearch.fit import fit
from vsearch.precision import PRECISIONS
from vsearch.recipe import Recipe

RECIPE = Recipe(learning_rate=1e-2, ema=0.9, accumulate=2, checks=5, clip=1.0)


def main(folder: Path, out: Path, steps: int) -> None:
    def told(_stage: str, done: int, _total: int, /) -> None:
        print(done, flush=True)  # noqa: T201 - what the parent listens to
        time.sleep(0.02)

    fitted = fit(
        toy_task(steps),
        RECIPE,
        steps,
        PRECISIONS["fp32"],
        seed=3,
        checkpoints=Checkpoints(folder, seconds=0.0),
        progress=told,
    )
    losses = np.array([[c["step"], c["loss"], c["val"]] for c in fitted.history])
    arrays = weights_of(fitted.network) | {"history": losses, "step": np.array(fitted.step)}
    np.savez(out, **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
