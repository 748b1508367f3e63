"""How well photos of what the shop does not sell are told from photos of what it sells."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.unknown import UNKNOWN_FROM
from vsearch import metrics

POINTS = 200  # of a curve, at most


@dataclass(frozen=True)
class UnknownCurve:
    """How one set of foreign photos fared.

    Attributes:
        name: what the photos are.
        photos: how many there are.
        auroc: share of pairs of an own and a foreign photo in which the foreign one looks more
            foreign.
        rejected: share of the foreign photos that are called unknown.
        points: pairs (share of own photos rejected, share of foreign photos rejected), rising, of
            all thresholds, thinned to `POINTS`.
    """

    name: str
    photos: int
    auroc: float
    rejected: float
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class UnknownFigures:
    """How well “not something we sell” is told.

    Attributes:
        own: queries that show what the shop sells.
        own_rejected: share of them that are called unknown all the same.
        curves: one for each set of foreign photos.
    """

    own: int
    own_rejected: float
    curves: tuple[UnknownCurve, ...]

    def to_json(self) -> dict[str, object]:
        """Return what scripts read."""
        return asdict(self)


def unknown_figures(
    own: NDArray[np.float32] | None, foreign: dict[str, NDArray[np.float32] | None]
) -> UnknownFigures | None:
    """Compare how foreign own and foreign photos look; None where nothing judged them.

    Args:
        own: shape (n,), scores of own photos, higher where more foreign.
        foreign: the same of each set of foreign photos; an empty set has no curve.
    """
    if own is None or not own.size:
        return None
    curves = [_curve(name, own, s) for name, s in foreign.items() if s is not None and s.size]
    return UnknownFigures(len(own), float(np.mean(own >= UNKNOWN_FROM)), tuple(curves))


def _curve(name: str, own: NDArray[np.float32], foreign: NDArray[np.float32]) -> UnknownCurve:
    scores = np.concatenate([own, foreign])
    positive = np.arange(len(scores)) >= len(own)
    _, hits, chosen = metrics.cuts(scores, positive)
    ends = np.unique(np.linspace(0, len(hits) - 1, POINTS - 1).round().astype(np.int64))
    pairs = zip(((chosen - hits) / len(own))[ends], (hits / len(foreign))[ends], strict=True)
    return UnknownCurve(
        name=name,
        photos=len(foreign),
        auroc=metrics.auroc(scores, positive),
        rejected=float(np.mean(foreign >= UNKNOWN_FROM)),
        points=((0.0, 0.0), *((float(x), float(y)) for x, y in pairs)),
    )
