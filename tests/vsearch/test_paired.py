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
        return np.array([mean, -mean, np.nan, 0.0, 0.5])

    counts = np.full(5, 200)
    chances = chances_of_shortfall(shortfall, 200, counts, resamples=2000)
    # The exact test of 30 against 15 gives 0.018.
    assert chances[0] == pytest.approx(chance_of_losing(30, 15), abs=0.01)
    assert chances[1] == pytest.approx(1 - chances[0])
    assert chances[2:4].tolist() == [1.0, 1.0]  # not told, or no difference
    assert chances[4] < 1e-9  # the same in every sample
    again = chances_of_shortfall(shortfall, 200, counts, resamples=2000)
    np.testing.assert_array_equal(chances, again)
    few = chances_of_shortfall(shortfall, 200, np.full(5, 5), resamples=2000)
    assert few[0] > 2 * chances[0]  # few photos say less
