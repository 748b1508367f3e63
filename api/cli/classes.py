"""What a photo shows, as commands tell it to people."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from rich.console import RenderableType
from rich.text import Text

from api.cli.tables import listing, percent

if TYPE_CHECKING:
    from indexer.classes import CategoryProbability, Classes, LabelProbability

    Prediction = TypeVar("Prediction", LabelProbability, CategoryProbability)

PREDICTIONS_SHOWN = 6
LEAST_SHOWN = 0.005
GIVEN = "✓"
UNKNOWN = "It shows nothing that this shop sells"


def labels_listing(shown: "Classes") -> RenderableType:
    """Return the best labels, and all that the photo is given, which have a mark."""
    worth = worth_showing(shown.labels)
    rows = [
        (GIVEN if label.assigned else "", label.name, path_of(label), percent(label.probability))
        for label in shown.labels
        if label in worth or label.assigned
    ]
    return listing(("", "label", "category", "probability"), rows)


def path_of(prediction: "LabelProbability | CategoryProbability") -> str:
    """Return the category path as people read it."""
    return str(prediction.to_json()["path"])


def categories_listing(shown: "Classes") -> list[RenderableType]:
    """Return the best categories of any level; nothing where labels stand for none."""
    rows = [(path_of(one), percent(one.probability)) for one in worth_showing(shown.categories)]
    return [listing(("category of any level", "probability"), rows)] if rows else []


def unknown_line(shown: "Classes") -> list[RenderableType]:
    """Return that a photo is turned away, where it is."""
    if not shown.unknown:
        return []
    told = f"{UNKNOWN} (unknown from 0.50 on, this is {shown.unknown_score:.2f})."
    return [Text(told, style="yellow")]


def worth_showing(predictions: "Sequence[Prediction]") -> "Sequence[Prediction]":
    """Return the first predictions: the probable ones, and at least one."""
    probable = [one for one in predictions[:PREDICTIONS_SHOWN] if one.probability >= LEAST_SHOWN]
    return probable or predictions[:1]
