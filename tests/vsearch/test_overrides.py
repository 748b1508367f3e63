from dataclasses import replace

import pytest

from vsearch.errors import DataError
from vsearch.overrides import override
from vsearch.train_config import TrainConfig

CONFIG = TrainConfig()
SETTLED = replace(CONFIG, network=CONFIG.network_config)


def test_values_of_any_depth_are_changed_and_no_others() -> None:
    changes = ("network.batch=64", "network.augmentation.flip=false", "head.dropout=0", "dim=128")
    new = override(SETTLED, [*changes, "network.patience=2", "network.clip=1", "objective=softmax"])
    assert new.network is not None
    assert (new.network.batch, new.network.patience, new.dim) == (64, 2, 128)
    assert (new.network.clip, new.head.dropout, new.objective) == (1.0, 0.0, "softmax")
    assert isinstance(new.head.dropout, float)
    assert not new.network.augmentation.flip
    assert new.network.augmentation.min_area == SETTLED.network_config.augmentation.min_area
    assert replace(new.head, dropout=0.5) == SETTLED.head


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("batch", "not of the form NAME=VALUE"),
        ("batch=3", "no setting “batch”; there are backbone, dim, head"),
        ("head.speed=3", "no setting “speed”; there are .*learning_rate"),
        ("head=3", "“head” is a group; name one of .*head.batch"),
        ("dim.x=3", "“dim” is a value, it has no “x”"),
        ("head.batch=many", "expected a whole number"),
        ("head.batch=1.5", "expected a whole number"),
        ("head.batch=true", "expected a whole number"),
        ("head.dropout=high", "expected a number"),
        ("network.frozen_norms=1", "expected true or false"),
        ("imbalance=3", "expected text"),
        ("head.batch=null", "expected a whole number"),
        ("network.patience=soon", "expected a whole number or null"),
        ("weights=5", "expected text or null"),
        ("head.batch=0", "batch has to be 1 or more, not 0"),
        ("network.accumulate=0", "accumulate has to be 1 or more"),
        ("network.dropout=1", "dropout has to be 0 or more and less than 1, not 1.0"),
        ("network.clip=-1", "clip has to be none, or above 0"),
        ("network.epochs=0", "epochs has to be 1 or more"),
        ("network.learning_rate=NaN", "learning_rate has to be above 0, not nan"),
        ("renderings=0", "renderings has to be 1 or more, not 0"),
        ("seed=-1", "seed has to be 0 or more"),
        ("objective=triplet", "no objective “triplet”; there are"),
    ],
)
def test_what_cannot_be_meant_is_explained(change: str, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        override(SETTLED, [change])
