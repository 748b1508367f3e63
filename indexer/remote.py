"""Fetching photos that a manifest names by URL, only from hosts that the shop has allowed.

A manifest comes from outside, so a URL in it is untrusted: it must not make this machine talk to
services of its own network. Hence the allow-list holds for every redirect, names are resolved
here and connected to by the address that was checked, and only public addresses pass.
"""

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass
from typing import Self
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from vsearch.errors import VsearchError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_REDIRECTS = 5
TIMEOUT = 20.0  # seconds for one photo, redirects included
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_CHUNK = 2**16


class RemoteError(VsearchError):
    """A remote photo that may not or cannot be fetched."""


def is_public(address: Address) -> bool:
    """Say whether an address belongs to the internet at large and to no inner network."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        # These carry an IPv4 address inside, which a gateway may well route to an inner network.
        if address.sixtofour or address.teredo or address in _NAT64:
            return False
    return address.is_global and not address.is_multicast


@dataclass(frozen=True)
class Fetcher:
    """Fetches the bytes behind a URL under the rules of this module.

    Attributes:
        hosts: allowed hosts; `cdn.example.com` allows the usual ports, `cdn.example.com:8080`
            that port.
        max_bytes: a larger answer is refused.
        timeout: seconds for one photo in all.
        is_allowed: which addresses may be connected to; only tests choose other than public ones.
        schemes: http and https, or https alone.
        option: what adds a host to the allow-list, for messages.
    """

    hosts: frozenset[str]
    max_bytes: int
    timeout: float = TIMEOUT
    is_allowed: Callable[[Address], bool] = is_public
    schemes: frozenset[str] = frozenset(_PORTS)
    option: str = "--remote-host"

    @classmethod
    def of(
        cls,
        hosts: Collection[str],
        max_bytes: int,
        *,
        schemes: Collection[str] = _PORTS,
        option: str = "--remote-host",
    ) -> Self:
        """Make a fetcher for an allow-list as a person writes it."""
        named = frozenset(host.strip().casefold() for host in hosts)
        return cls(named, max_bytes, schemes=frozenset(schemes), option=option)

    def fetch(self, url: str) -> bytes:
        """Return the bytes behind a URL.

        Raises:
            RemoteError: a host that is not allowed, an address that is not public, an answer that
                is no success, too large or too late.
        """
        deadline = time.monotonic() + self.timeout
        try:
            for _ in range(MAX_REDIRECTS + 1):
                answer = self._get(url, deadline)
                if isinstance(answer, bytes):
                    return answer
                url = urljoin(url, answer)
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            what = str(error) or type(error).__name__
            raise RemoteError(f"{url} cannot be fetched: {what}") from error
        raise RemoteError(f"{url} was reached by more than {MAX_REDIRECTS} redirects")

    def _get(self, url: str, deadline: float) -> bytes | str:
        """Return the body, or where a redirect leads."""
        parts, host, port = self._allowed(url)
        connection = self._connect(parts.scheme, host, port, deadline)
        with closing(connection):
            path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
            query = "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?") if parts.query else ""
            connection.request("GET", path + query, headers={"User-Agent": "vsearch"})
            response = connection.getresponse()
            if response.status in _REDIRECTS and (target := response.getheader("Location")):
                return target
            if response.status != 200:
                raise RemoteError(f"{url} answered {response.status} {response.reason}")
            return self._body(url, response, deadline)

    def _allowed(self, url: str) -> tuple[SplitResult, str, int]:
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").casefold(), parts.port
        except ValueError as error:
            raise RemoteError(f"{url} is not a valid URL: {error}") from error
        if parts.scheme not in self.schemes or not host or parts.username is not None:
            schemes = " or ".join(sorted(self.schemes))
            raise RemoteError(f"{url} is not an {schemes} URL without user name")
        usual = port is None or port == _PORTS[parts.scheme]
        if f"{host}:{port}" not in self.hosts and not (usual and host in self.hosts):
            name = host if usual else f"{host}:{port}"
            raise RemoteError(f"the host {name} is not allowed: add it with {self.option} {name}")
        return parts, host, port or _PORTS[parts.scheme]

    def _connect(
        self, scheme: str, host: str, port: int, deadline: float
    ) -> http.client.HTTPConnection:
        """Connect to an address of the host that was checked, not to its name."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
        for address in addresses:
            if not self.is_allowed(ipaddress.ip_address(address)):
                raise RemoteError(f"the host {host} has the address {address}, which is not public")
        plain = socket.create_connection((addresses[0], port), timeout=_left(host, deadline))
        connection = http.client.HTTPConnection(host, port)
        try:
            connection.sock = plain
            if scheme == "https":
                context = ssl.create_default_context()
                connection.sock = context.wrap_socket(plain, server_hostname=host)
                connection.default_port = _PORTS["https"]  # keeps :443 out of the Host header
        except BaseException:
            plain.close()
            raise
        return connection

    def _body(self, url: str, response: http.client.HTTPResponse, deadline: float) -> bytes:
        body = bytearray()
        # The socket's time-out counts each reading; only the clock stops a server that drips.
        while chunk := response.read1(_CHUNK):
            body += chunk
            if len(body) > self.max_bytes:
                raise RemoteError(f"{url} has more than {self.max_bytes:,} bytes")
            _left(url, deadline)
        if response.length:
            raise RemoteError(f"{url} broke off {response.length:,} bytes before its end")
        return bytes(body)


def _left(what: str, deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise RemoteError(f"{what} took too long")
    return seconds
