"""Whatever happens to a shop, and whoever does it: nothing is lost, and every answer is right."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.indexer.shop_machine import ShopMachine


def test_a_shop_does_as_a_dictionary_does() -> None:
    run_state_machine_as_test(
        ShopMachine,
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
