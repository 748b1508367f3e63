"""The documents that the HTTP API takes and answers with.

Where the command line tells the same thing, `--json` prints the same keys.
"""

from api.schemas.answers import Prediction, ProblemDocument, SearchAnswer
from api.schemas.categories import CategoryNode, CategoryTree
from api.schemas.health import Alive, Ready
from api.schemas.items import HitDocument, ItemDocument, ItemPage

__all__ = [
    "Alive",
    "CategoryNode",
    "CategoryTree",
    "HitDocument",
    "ItemDocument",
    "ItemPage",
    "Prediction",
    "ProblemDocument",
    "Ready",
    "SearchAnswer",
]
