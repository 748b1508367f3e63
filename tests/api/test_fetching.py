"""Photos by URL: none unless a host is listed."""

from pathlib import Path

import pytest

from api.fetching import fetch_photo
from api.problems import ProblemError
from api.settings import ServerSettings


def refused(url: str, **settings: object) -> str:
    made = ServerSettings(shop=Path("shop"), **settings)  # type: ignore[arg-type]
    with pytest.raises(ProblemError) as raised:
        fetch_photo(made, 10**6, url)
    assert (raised.value.status_code, raised.value.kind) == (422, "fetch-refused")
    return str(raised.value.detail)


def test_nothing_is_fetched_unless_it_is_switched_on() -> None:
    assert "fetches no photos" in refused("https://example.com/a.jpg")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://other.example/a.jpg", "the host other.example is not allowed"),
        ("https://cdn.example:8443/a.jpg", "the host cdn.example:8443 is not allowed"),
        ("http://cdn.example/a.jpg", "is not an https URL"),
        ("file:///etc/passwd", "is not an https URL"),
        ("https://me@cdn.example/a.jpg", "without user name"),
        ("https://localhost/a.jpg", "which is not public"),
        ("https://127.0.0.1/a.jpg", "which is not public"),
        ("https://[::1]/a.jpg", "which is not public"),
        ("https://169.254.169.254/latest/meta-data", "which is not public"),
        ("https://10.0.0.1/a.jpg", "which is not public"),
    ],
)
def test_what_may_not_be_fetched(url: str, said: str) -> None:
    # Inner addresses are refused even where somebody has listed them.
    hosts = ("cdn.example", "localhost", "127.0.0.1", "::1", "169.254.169.254", "10.0.0.1")
    assert said in refused(url, fetch_hosts=hosts)


def test_plain_http_is_a_setting_of_its_own() -> None:
    told = refused("http://127.0.0.1/a.jpg", fetch_hosts=("127.0.0.1",), fetch_http=True)
    assert "not public" in told
    told = refused("ftp://127.0.0.1/a", fetch_hosts=("127.0.0.1",), fetch_http=True)
    assert "is not an http or https URL" in told
