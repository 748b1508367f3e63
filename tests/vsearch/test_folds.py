"""Folds keep copies together and labels apart."""

import numpy as np
import pytest

from vsearch.folds import assign_folds, grouped, learnable


@pytest.mark.parametrize("seed", range(3))
def test_a_group_lies_in_one_fold_and_a_stratum_in_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.repeat(np.arange(120), rng.integers(1, 4, 120)))
    strata = np.array([group % 7 for group in groups])
    fold = assign_folds(strata, groups, 5, seed)
    assert all(len(set(fold[groups == group])) == 1 for group in range(120))
    for stratum in range(7):
        own = np.unique(groups[strata == stratum])
        sizes = np.bincount([fold[groups == group][0] for group in own], minlength=5)
        assert sizes.max() - sizes.min() <= 1
    sizes = np.bincount([fold[groups == group][0] for group in range(120)], minlength=5)
    assert sizes.tolist() == [24] * 5
    np.testing.assert_array_equal(fold, assign_folds(strata, groups, 5, seed))
    assert (fold != assign_folds(strata, groups, 5, seed + 1)).any()


def test_a_label_is_learnable_where_another_fold_trains_on_it() -> None:
    rng = np.random.default_rng(0)
    given, fold = rng.integers(0, 12, 40), rng.integers(0, 3, 40)
    trained = rng.random(40) < 0.7
    expected = [
        any(
            given[other] == given[photo] and trained[other] and fold[other] != fold[photo]
            for other in range(40)
        )
        for photo in range(40)
    ]
    assert learnable(given, trained, fold, 3).tolist() == expected
    assert 0 < sum(expected) < 40
    assert learnable(given[:0], trained[:0], fold[:0], 3).tolist() == []


def test_pairs_join_into_groups() -> None:
    pairs = np.array([[1, 4], [4, 2], [5, 6], [2, 1]])
    assert grouped(pairs, 8).tolist() == [0, 1, 1, 2, 1, 3, 3, 4]
    assert grouped(pairs[:0], 3).tolist() == [0, 1, 2]
    assert grouped(pairs[:0], 0).tolist() == []


def test_a_long_chain_is_one_group() -> None:
    chain = np.stack([np.arange(4999, 0, -1), np.arange(4998, -1, -1)], axis=1)
    assert set(grouped(chain, 5000).tolist()) == {0}
