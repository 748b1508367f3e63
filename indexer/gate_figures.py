"""How two models do on the same held-out photos, overall and label by label.

Where a photo has one label, the figure is the share of photos whose label is the one told, all of a
model's labels competing; where it may have several, the average precision of each label.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vsearch import metrics
from vsearch.paired import chance_of_losing, chances_of_shortfall

CHANCE = 0.05
"""A drop counts where chance alone would bring it less often."""

ENOUGH = 5
"""Photos from which a label is judged: of four, all may be lost by chance one time in 16."""

Names = Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Change:
    """What a candidate changes about one label, or about all of them.

    Attributes:
        label: the label; None for all that the model in service knows.
        photos: held-out photos that have it.
        before: the figure with the model in service, 0..1.
        after: the same with the candidate.
        chance: how often chance alone would bring such a drop.
        least: how often it would bring the worst that these photos could have shown.
    """

    label: str | None
    photos: int
    before: float
    after: float
    chance: float
    least: float

    @property
    def drop(self) -> float:
        """By how much the candidate is worse; negative where it is better."""
        return self.before - self.after

    def drops(self, max_drop: float) -> bool:
        """Say whether the drop is larger than is allowed, rounding apart."""
        return self.drop > max_drop + 1e-9

    def refuses(self, max_drop: float, level: float = CHANCE) -> bool:
        """Say whether the drop is too large, and chance brings it no oftener than `level`."""
        return self.photos >= ENOUGH and self.drops(max_drop) and self.chance <= level


@dataclass(frozen=True)
class Changes:
    """All labels of the model in service that held-out photos have, and the sum of them.

    Attributes:
        overall: all of them together; None where no held-out photo has one.
        labels: each, in order of name.
    """

    overall: Change | None
    labels: tuple[Change, ...]

    @property
    def level(self) -> float:
        """How seldom chance may bring the drop of one label, so that it seldom brings any.

        Of a hundred labels chance makes some look worse. The level is divided by the labels that
        could reach it at all (Tarone, A modified Bonferroni method for discrete data, 1990), so
        that those whose photos both models take for the same cost the others nothing.
        """
        able = sorted(one.least for one in self.labels if one.photos >= ENOUGH)
        for tests in range(1, len(able) + 1):
            if sum(least <= CHANCE / tests for least in able) <= tests:
                return CHANCE / tests
        return CHANCE


NO_CHANGES = Changes(None, ())


def share_changes(old: Sequence[str], truth: Names, before: Names, after: Names) -> Changes:
    """Compare what two models say of n photos, as shares that are right.

    Args:
        old: the labels of the model in service.
        truth: which labels each photo has.
        before: which one label the model in service says that it has, none or one each.
        after: the same of the candidate.
    """
    right = {
        name: np.array([bool({*own} & {*said}) for own, said in zip(truth, told, strict=True)])
        for name, told in (("before", before), ("after", after))
    }

    def change(label: str | None, rows: Sequence[int]) -> Change:
        first, second = right["before"][rows], right["after"][rows]
        lost, gained = int((first & ~second).sum()), int((second & ~first).sum())
        shares = float(first.mean()), float(second.mean())
        chance, least = chance_of_losing(lost, gained), chance_of_losing(lost + gained, 0)
        return Change(label, len(rows), *shares, chance, least)

    rows_of = _rows_of(old, truth)
    every = sorted({row for rows in rows_of.values() for row in rows})
    return Changes(
        change(None, every) if every else None,
        tuple(change(label, rows) for label, rows in rows_of.items()),
    )


def precision_changes(
    old: Sequence[str],
    truth: Names,
    before: Mapping[str, NDArray[np.float32]],
    after: Mapping[str, NDArray[np.float32]],
) -> Changes:
    """Compare what two models say of n photos, as average precisions; overall is their mean.

    Args:
        old: the labels of the model in service.
        truth: which labels each photo has.
        before: by label the probabilities of the photos with the model in service, (n,) each.
        after: the same with the candidate; a label that it lacks is found last.
    """
    rows_of = _rows_of(old, truth)
    if not rows_of:
        return Changes(None, ())
    targets = np.zeros((len(truth), len(rows_of)), bool)
    for column, rows in enumerate(rows_of.values()):
        targets[rows, column] = True
    absent = np.zeros(len(truth), np.float32)
    tables = [
        np.stack([told.get(label, absent) for label in rows_of], axis=1) for told in (before, after)
    ]
    everything = np.arange(len(truth))
    first, second = (_precisions(table, targets, everything) for table in tables)

    def shortfall(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        one, other = (_precisions(table, targets, rows) for table in tables)
        return np.append(one - other, np.nanmean(one - other))

    photos = [*map(len, rows_of.values()), len({row for rows in rows_of.values() for row in rows})]
    chances = chances_of_shortfall(shortfall, len(truth), np.array(photos)).tolist()
    before_after = [*zip(first.tolist(), second.tolist(), strict=True)]
    before_after.append((float(first.mean()), float(second.mean())))
    *labels, overall = (
        Change(label, count, *pair, chance, 0.0)
        for label, count, pair, chance in zip(
            [*rows_of, None], photos, before_after, chances, strict=True
        )
    )
    return Changes(overall, tuple(labels))


def _rows_of(labels: Sequence[str], truth: Names) -> dict[str, list[int]]:
    """Return the photos of each label that has some, in order of label."""
    rows: dict[str, list[int]] = {label: [] for label in sorted(labels)}
    for row, own in enumerate(truth):
        for label in own:
            if label in rows:
                rows[label].append(row)
    return {label: own for label, own in rows.items() if own}


def _precisions(
    told: NDArray[np.float32], targets: NDArray[np.bool_], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the average precision of each label in some of the photos; NaN where none has it."""
    drawn, wanted = told[rows], targets[rows]
    return np.array(
        [
            metrics.average_precision(drawn[:, i], wanted[:, i]) if wanted[:, i].any() else np.nan
            for i in range(wanted.shape[1])
        ]
    )
