"""Token buckets: who may ask how often."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from api.rate_limit import Buckets, OwnBuckets, RateLimit, household
from api.shared_buckets import SharedBuckets


class Clock:
    """A clock that is moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["own", "shared"])
def buckets(request: pytest.FixtureRequest, tmp_path: Path) -> Buckets:
    """A hundred of them."""
    if request.param == "own":
        return OwnBuckets(100)
    return SharedBuckets(tmp_path / "buckets", 100)


def test_a_bucket_gives_its_burst_and_then_its_rate(clock: Clock, buckets: Buckets) -> None:
    limit = RateLimit("key", 2.0, 4, buckets, clock=clock)
    assert [limit.take("a").granted for _ in range(6)] == [True] * 4 + [False] * 2
    assert limit.take("b").granted  # another's
    clock.now += 0.5
    assert [limit.take("a").granted for _ in range(2)] == [True, False]
    clock.now += 1000
    assert [limit.take("a").granted for _ in range(5)] == [True] * 4 + [False]


def test_the_headers_tell_what_is_left_and_when_to_come_back(clock: Clock) -> None:
    limit = RateLimit("key", 0.5, 2, clock=clock)
    first, second, third = (limit.take("a") for _ in range(3))
    assert first.headers == {"RateLimit-Policy": '"key";q=2;w=4', "RateLimit": '"key";r=1;t=2'}
    assert second.headers["RateLimit"] == '"key";r=0;t=4'
    assert (third.granted, third.retry_after) == (False, 2)
    assert third.headers["Retry-After"] == "2"
    clock.now += third.retry_after
    assert limit.take("a").granted


def test_a_refused_request_costs_nothing(clock: Clock) -> None:
    limit = RateLimit("key", 1.0, 1, clock=clock)
    limit.take("a")
    for _ in range(100):
        assert not limit.take("a").granted
    clock.now += 1
    assert limit.take("a").granted


def test_more_than_a_burst_is_a_debt(clock: Clock, buckets: Buckets) -> None:
    limit = RateLimit("key", 1.0, 4, buckets, clock=clock)
    assert limit.take("a", 10).granted
    refused = limit.take("a")
    assert (refused.granted, refused.retry_after) == (False, 7)
    clock.now += 7
    assert limit.take("a").granted


def test_no_rate_is_no_limit() -> None:
    buckets = OwnBuckets()
    limit = RateLimit("key", 0.0, 1, buckets)
    told = [limit.take("a") for _ in range(100)]
    assert all(one.granted and not one.headers for one in told)
    assert len(buckets) == 0


def test_the_buckets_of_a_million_strangers_do_not_fill_the_memory(
    clock: Clock, buckets: Buckets
) -> None:
    limit = RateLimit("address", 1.0, 2, buckets, clock=clock)
    for number in range(5000):
        clock.now += 1e-6
        limit.take(f"stranger {number}")
        limit.take("regular")
    assert 50 < len(buckets) <= 104
    assert not limit.take("regular").granted  # not forgotten, as it was used just now


def test_processes_take_from_the_same_buckets(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from api.rate_limit import RateLimit;"
        "from api.shared_buckets import SharedBuckets;"
        "limit = RateLimit('key', 1e-6, 500, SharedBuckets(Path(sys.argv[1])));"
        "print(sum(limit.take('a').granted for _ in range(400)))"
    )
    file = str(tmp_path / "buckets")
    command = [sys.executable, "-c", program, file]
    asking = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    granted = [int(one.communicate(timeout=60)[0]) for one in asking]
    assert sum(granted) == 500
    assert not RateLimit("key", 1e-6, 500, SharedBuckets(Path(file))).take("a").granted
    assert RateLimit("key", 1e-6, 500, SharedBuckets(Path(file))).take("b").granted


def test_buckets_of_a_process_that_was_killed_are_free_again(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path;"
        "from api.shared_buckets import SharedBuckets;"
        "SharedBuckets(Path(sys.argv[1])).__enter__(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    file = tmp_path / "buckets"
    killed = subprocess.run([sys.executable, "-c", program, str(file)], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert RateLimit("key", 1.0, 1, SharedBuckets(file)).take("a").granted


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_an_address_counts_with_its_household(address: str, counts_as: str) -> None:
    assert household(address) == counts_as
