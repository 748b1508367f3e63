"""What a classifier learns to say, one file per kind of classification.

Every module of this package that has an `OBJECTIVE` is found by itself: adding a kind of
classification means adding one file.
"""

import importlib
import pkgutil

from vsearch.errors import DataError
from vsearch.objectives.base import Calibration, LossOptions, Objective

__all__ = ["DEFAULT", "OBJECTIVES", "Calibration", "LossOptions", "Objective", "objective_named"]

DEFAULT = "normalised-softmax"


def _found() -> dict[str, Objective]:
    modules = (
        importlib.import_module(f"{__name__}.{module.name}")
        for module in pkgutil.iter_modules(__path__)
    )
    found = (module.OBJECTIVE for module in modules if hasattr(module, "OBJECTIVE"))
    return {objective.name: objective for objective in found}


OBJECTIVES = _found()


def objective_named(name: str) -> Objective:
    """Return the objective of this name.

    Raises:
        DataError: there is none; the message lists what there is.
    """
    if name not in OBJECTIVES:
        raise DataError(f"no objective “{name}”; there are {', '.join(sorted(OBJECTIVES))}")
    return OBJECTIVES[name]
