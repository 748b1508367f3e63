"""cleanlab on the same out-of-fold probabilities, in whatever environment has it.

`python cleanlab_peer.py IN.npz OUT.npz`: reads `probabilities` (n, labels) and `given` (n,), writes
scores (higher is more doubtful) and which photos are taken for wrong.
"""

import importlib
import sys
import time
from typing import Any

import numpy as np

SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
FILTERS = ("confident_learning", "prune_by_noise_rate")


def main(source: str, target: str) -> None:
    """Score, filter, and tell version and seconds."""
    cleanlab, rank, filters = (
        importlib.import_module(name) for name in ("cleanlab", "cleanlab.rank", "cleanlab.filter")
    )
    told = np.load(source)
    probabilities, given = told["probabilities"], told["given"]
    answers: dict[str, Any] = {"version": cleanlab.version.__version__}
    started = time.perf_counter()
    for method in SCORES:
        answers[method] = -rank.get_label_quality_scores(given, probabilities, method=method)
    for method in FILTERS:
        answers[method] = filters.find_label_issues(
            given, probabilities, filter_by=method, n_jobs=1
        )
    answers["seconds"] = time.perf_counter() - started
    np.savez(target, **answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
