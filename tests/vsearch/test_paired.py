"""Whether a model is worse on the same photos, held against other ways to tell it."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest

from vsearch.paired import chance_of_losing, chances_of_shortfall


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (5, 0), (4, 1), (0, 7), (40, 15), (900, 850)])
def test_the_chance_is_that_of_a_fair_coin(lost: int, gained: int) -> None:
    expected = (
        binomtest(lost, lost + gained, alternative="greater").pvalue if lost + gained else 1.0
    )
    assert chance_of_losing(lost, gained) == pytest.approx(expected, rel=1e-9)


def test_drawn_photos_tell_what_the_exact_test_tells() -> None:
    rng = np.random.default_rng(0)
    differences = rng.permutation(np.repeat([1.0, -1.0, 0.0], [30, 15, 155]))  # lost, gained, same

    def shortfall(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        mean = differences[rows].mean()
        return np.array([mean, -mean, np.nan])

    chances = chances_of_shortfall(shortfall, 200, resamples=2000)
    # The exact test of 30 against 15 gives 0.018.
    assert chances[0] == pytest.approx(chance_of_losing(30, 15), abs=0.01)
    assert chances[1] > 0.97
    assert chances[2] == 1.0  # what cannot be told speaks against nothing
    np.testing.assert_array_equal(chances, chances_of_shortfall(shortfall, 200, resamples=2000))
