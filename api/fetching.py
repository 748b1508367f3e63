"""Photos that a request names by URL; nothing is fetched unless a setting lists the hosts."""

from functools import lru_cache

from api.problems import Kind, ProblemError
from api.settings import ServerSettings
from indexer.remote import Fetcher, RemoteError


def fetch_photo(settings: ServerSettings, max_bytes: int, url: str) -> bytes:
    """Return the bytes behind a URL; blocks, so it belongs into a thread.

    Only listed hosts, only https unless `fetch_http`, only public addresses, connected to by the
    address that was checked; the same for every redirect (see `indexer.remote`).

    Raises:
        ProblemError: 422, it is not allowed or does not succeed.
    """
    if not settings.fetch_hosts:
        told = "This server fetches no photos: send the photo itself."
        raise ProblemError(422, Kind.FETCH_REFUSED, told)
    try:
        return _fetcher(settings.fetch_hosts, settings.fetch_http, max_bytes).fetch(url)
    except RemoteError as error:
        raise ProblemError(422, Kind.FETCH_REFUSED, str(error)) from error


@lru_cache(maxsize=8)
def _fetcher(hosts: tuple[str, ...], plain: bool, max_bytes: int) -> Fetcher:
    schemes = frozenset(("http", "https")) if plain else frozenset(("https",))
    return Fetcher.of(hosts, max_bytes, schemes=schemes, option="--fetch-hosts")
