"""The figures in the words of somebody who runs a shop."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FigureWords:
    """What people call a figure.

    Attributes:
        title: a few words.
        explained: what it is a share of, or what it says.
        lower_is_better: most are better when higher.
    """

    title: str
    explained: str
    lower_is_better: bool = False


FIGURES = {
    "recall@1": FigureWords("First hit right", "the first hit is the item itself"),
    "recall@5": FigureWords("Among the first five", "the item is among the first five hits"),
    "recall@10": FigureWords("Among the first ten", "the item is among the first ten hits"),
    "map@r": FigureWords(
        "Own views first", "how far the views of the right label come before all others (mAP@R)"
    ),
    "top1": FigureWords("Label right", "the first guess of the label is right"),
    "top5": FigureWords("Label among five", "the label is among the five best guesses"),
    "macro_top1": FigureWords(
        "Label right, label by label", "the same, with every label counting as much as another"
    ),
    "category_top1": FigureWords("Category right", "the first guess of the category is right"),
    "map": FigureWords("Labels ranked right", "mean average precision over the labels"),
    "micro_f1": FigureWords("Labels given", "F1 of all labels that photos were given"),
    "macro_f1": FigureWords(
        "Labels given, label by label", "mean F1, with every label counting as much as another"
    ),
    "f1": FigureWords("Yes told right", "F1 of the photos that were given the positive label"),
    "auroc": FigureWords(
        "Told apart", "how often the right one of two photos looks more at home; 50 % is chance"
    ),
    "false_alarm": FigureWords(
        "Wrongly turned away", "photos of what is sold here that were turned away", True
    ),
    "reject_rate": FigureWords("Rightly turned away", "photos of anything else turned away"),
    "reject_rate@0.05": FigureWords(
        "Turned away at 5 %", "the same, had 5 % of what is sold here been turned away"
    ),
    "ece": FigureWords(
        "Off by", "how far probabilities and truth lie apart, on average (calibration error)", True
    ),
    "average_precision": FigureWords("Ranked right", "average precision of the label"),
}


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share of 0..1 as `97.2 %`, never broken between two lines; a dash for None."""
    return "–" if share is None else f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def between(low: float, high: float) -> str:
    """Return an interval of shares as `86.3–88.9 %`."""
    return f"{100 * low:.1f}–{100 * high:.1f}\N{NO-BREAK SPACE}%"


def count_of(number: int, one: str, many: str | None = None) -> str:
    """Return `1 photo` or `2,485 photos`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
