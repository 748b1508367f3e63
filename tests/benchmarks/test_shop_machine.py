"""The state machine of `tests/indexer/test_shop_machine.py` at length."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.indexer.shop_machine import ShopMachine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def test_a_shop_does_as_a_dictionary_does_for_long() -> None:
    run_state_machine_as_test(
        ShopMachine,
        settings=settings(
            max_examples=500,
            stateful_step_count=60,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
