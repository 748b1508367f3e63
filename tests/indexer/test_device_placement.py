"""When rows set out for a GPU, and what if they cannot stay there."""

import logging
import threading
from collections.abc import Callable

import pytest

from indexer.device_placement import Placement
from indexer.row_scans import RowScan
from tests.indexer.device_indexes import StubScan
from vsearch.errors import DeviceError

SCAN = StubScan(lambda *_: [])


class Bringer:
    """Brings rows as often as it is asked, or fails as it is told."""

    def __init__(self, *problems: Exception | None) -> None:
        self.calls = 0
        self._problems = list(problems)

    def __call__(self, go_on: Callable[[], bool]) -> RowScan:
        self.calls += 1
        problem = self._problems.pop(0) if self._problems else None
        if problem is not None:
            raise problem
        assert go_on()
        return SCAN


def test_rows_set_out_once_enough_has_been_scanned(caplog: pytest.LogCaptureFixture) -> None:
    bring = Bringer()
    placement = Placement(bring, 1000, scans_before=3)
    for _ in range(2):
        assert placement.scan(1000) is None
    assert (placement.state, bring.calls) == ("cpu", 0)
    with caplog.at_level(logging.INFO):
        assert placement.scan(1000) is None  # this one is the CPU's all the same
        placement.wait()
    assert placement.scan(1) is SCAN
    assert (placement.state, placement.problem, bring.calls) == ("gpu", None, 1)
    assert "a stub searches from here on; its rows came in" in caplog.text


def test_rows_that_are_asked_for_at_once_come_with_the_first_search() -> None:
    bring = Bringer(None)
    placement = Placement(bring, 1000, at_once=True)
    assert bring.calls == 0
    assert placement.scan(1) is SCAN
    assert placement.scan(1) is SCAN
    assert bring.calls == 1
    broken = Placement(Bringer(DeviceError("there is no GPU")), 1000, at_once=True)
    with pytest.raises(DeviceError, match="there is no GPU"):
        broken.scan(1)


def test_while_rows_are_on_their_way_nobody_waits() -> None:
    entered, arrive = threading.Event(), threading.Event()

    def slow(_: Callable[[], bool]) -> RowScan:
        entered.set()
        assert arrive.wait(30)
        return SCAN

    placement = Placement(slow, 10, scans_before=0)
    assert placement.scan(1) is None
    assert entered.wait(30)
    assert placement.state == "on its way"
    assert placement.scan(1) is None
    arrive.set()
    placement.wait()
    assert placement.scan(1) is SCAN


@pytest.mark.parametrize("problem", [DeviceError("too little room"), RuntimeError("driver lost")])
def test_what_does_not_work_is_told_once_and_tried_again(
    problem: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    bring = Bringer(problem, problem, None)
    placement = Placement(bring, 10, scans_before=0, retry_seconds=0)
    for _ in range(2):
        assert placement.scan(1) is None
        placement.wait()
        assert placement.problem is not None
        assert str(problem) in placement.problem
    assert len([text for text in caplog.messages if str(problem) in text]) == 1
    placement.scan(1)
    placement.wait()
    assert placement.scan(1) is SCAN
    assert (placement.problem, bring.calls) == (None, 3)


def test_nothing_is_tried_again_before_its_time() -> None:
    bring = Bringer(DeviceError("too little room"))
    placement = Placement(bring, 10, scans_before=0, retry_seconds=3600)
    for _ in range(5):
        placement.scan(1)
        placement.wait()
    assert bring.calls == 1


def test_rows_that_were_lost_come_anew(caplog: pytest.LogCaptureFixture) -> None:
    bring = Bringer()
    placement = Placement(bring, 10, at_once=True, retry_seconds=3600)
    placement.scan(1)
    placement.lost("the GPU has fallen off the bus")
    placement.lost("the GPU has fallen off the bus")
    assert placement.scan(1) is None
    assert placement.problem == "the GPU has fallen off the bus"
    assert len(caplog.messages) == 1
    placement = Placement(bring, 10, at_once=True, retry_seconds=0)
    placement.scan(1)
    placement.lost("out of memory")
    assert placement.scan(1) is SCAN


def test_what_is_on_its_way_to_a_closed_index_turns_back(caplog: pytest.LogCaptureFixture) -> None:
    entered, closed, asked = threading.Event(), threading.Event(), []

    def slow(go_on: Callable[[], bool]) -> RowScan:
        entered.set()
        assert closed.wait(30)
        asked.append(go_on())
        return SCAN

    placement = Placement(slow, 10, scans_before=0)
    placement.scan(1)
    assert entered.wait(30)
    placement.close()
    placement.close()
    closed.set()
    placement._leave()  # as a program does that ends
    placement._leave()
    assert placement.state == "cpu"
    assert asked == [False]
    assert placement.scan(10**9) is None
    assert caplog.messages == []
