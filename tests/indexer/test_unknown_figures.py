"""How well foreign photos are told: figures and curves against plain counting."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.unknown_figures import POINTS, UnknownFigures, unknown_figures


def scores(photos: int, seed: int, *, shift: float = 0.0, steps: int = 1000) -> NDArray[np.float32]:
    drawn = np.random.default_rng(seed).normal(shift, 1, photos)
    return (np.round(steps / (1 + np.exp(-drawn))) / steps).astype(np.float32)


def told(
    own: NDArray[np.float32], foreign: dict[str, NDArray[np.float32] | None]
) -> UnknownFigures:
    figures = unknown_figures(own, foreign)
    assert figures is not None
    return figures


@pytest.mark.parametrize("steps", [4, 1000])  # full of ties, and hardly any
def test_figures_are_those_of_counting(steps: int) -> None:
    own, foreign = scores(60, 0, shift=-1, steps=steps), scores(40, 1, shift=1, steps=steps)
    figures = told(own, {"toys": foreign})
    (curve,) = figures.curves
    pairs = [(f > o) + (f == o) / 2 for o in own.tolist() for f in foreign.tolist()]
    assert curve.auroc == pytest.approx(sum(pairs) / len(pairs))
    assert curve.rejected == sum(f >= 0.5 for f in foreign.tolist()) / 40
    assert figures.own_rejected == sum(o >= 0.5 for o in own.tolist()) / 60
    assert (figures.own, curve.name, curve.photos) == (60, "toys", 40)
    assert 0 < figures.own_rejected < curve.rejected < 1
    cuts = sorted({*own.tolist(), *foreign.tolist()}, reverse=True)
    expected = [(0.0, 0.0)] + [(np.mean(own >= cut), np.mean(foreign >= cut)) for cut in cuts]
    assert np.array(curve.points) == pytest.approx(np.array(expected))


def test_a_curve_of_many_photos_is_thinned_and_keeps_its_ends_and_its_area() -> None:
    own, foreign = scores(5000, 0, shift=-1, steps=10**6), scores(4000, 1, shift=1, steps=10**6)
    (curve,) = told(own, {"toys": foreign}).curves
    x, y = np.array(curve.points).T
    assert len(curve.points) == POINTS
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert (np.diff(x) >= 0).all()
    assert (np.diff(y) >= 0).all()
    area = float(((x[1:] - x[:-1]) * (y[1:] + y[:-1]) / 2).sum())
    assert area == pytest.approx(curve.auroc, abs=1e-3)


def test_photos_that_are_told_perfectly_or_not_at_all() -> None:
    low, high = np.full(5, 0.1, np.float32), np.full(3, 0.9, np.float32)
    (apart,) = told(low, {"toys": high}).curves
    assert (apart.auroc, apart.rejected) == (1, 1)
    assert list(apart.points) == [(0, 0), (0, 1), (1, 1)]
    (alike,) = told(low, {"toys": low}).curves
    assert (alike.auroc, alike.rejected) == (0.5, 0)
    assert list(alike.points) == [(0, 0), (1, 1)]


def test_a_score_of_a_half_is_unknown() -> None:
    edge = np.array([0.5, np.nextafter(np.float32(0.5), np.float32(0))], np.float32)
    figures = told(edge, {"toys": edge})
    assert (figures.own_rejected, figures.curves[0].rejected) == (0.5, 0.5)


def test_each_set_of_photos_has_a_curve_and_an_empty_one_none() -> None:
    own = scores(20, 0)
    sets = {"toys": scores(5, 1), "none": own[:0], "tools": scores(7, 2), "not judged": None}
    figures = told(own, sets)
    assert [(curve.name, curve.photos) for curve in figures.curves] == [("toys", 5), ("tools", 7)]
    document = json.loads(json.dumps(figures.to_json()))
    assert (document["own"], document["own_rejected"]) == (20, figures.own_rejected)
    assert [set(curve) for curve in document["curves"]] == [
        {"name", "photos", "auroc", "rejected", "points"}
    ] * 2
    assert unknown_figures(own, {}) == UnknownFigures(20, figures.own_rejected, ())


def test_where_nothing_judged_there_are_no_figures() -> None:
    assert unknown_figures(None, {"toys": None}) is None
    assert unknown_figures(np.zeros(0, np.float32), {"toys": np.ones(2, np.float32)}) is None
