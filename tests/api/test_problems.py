"""What problems are called: the same on every Python."""

import pytest

from api.problems import phrase_of


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (404, "Not Found"),
        (413, "Content Too Large"),
        (422, "Unprocessable Content"),
        (499, "Client closed request"),
    ],
)
def test_a_status_is_called_as_its_standard_calls_it(status: int, expected: str) -> None:
    assert phrase_of(status) == expected
