"""What an operator can set for `vsearch serve`.

This is the one list of settings: flags, environment variables and the file are read from it, and
`vsearch serve --help` shows it. `api.settings_sources` tells which of them wins.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic.config import JsonDict

LISTENING, ACCESS, LIMITS, WORK, OPERATION = (
    "Where it listens",
    "Who may ask",
    "Limits",
    "Work",
    "Operation",
)
CORES = min(4, os.cpu_count() or 1)


def _split(value: object) -> object:
    """Take “a, b” for a list, as an environment variable has it."""
    return re.split(r"[,\s]+", value.strip()) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]


def _set(default: Any, group: str, description: str, told: str = "", **limits: Any) -> Any:  # noqa: ANN401
    """Return a field; `told` is what help shows in place of a default that says too little."""
    extra: JsonDict = {"group": group, "told": told}
    return Field(default, description=description, json_schema_extra=extra, **limits)


class ServerSettings(BaseModel):
    """Settings of the HTTP server; the fields' descriptions tell what each does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shop: Path

    host: str = _set("127.0.0.1", LISTENING, "The address to listen at.", "127.0.0.1, this machine")
    port: int = _set(8000, LISTENING, "The port; 0 takes a free one.", ge=0, le=65535)
    root_path: str = _set(
        "", LISTENING, "The path that a proxy in front adds to every URL, such as /shop.", "none"
    )
    trusted_proxies: Names = _set(
        (),
        LISTENING,
        "Addresses or networks of the proxies in front, whose X-Forwarded-For and -Proto are "
        "believed.",
        "none",
    )
    workers: int = _set(
        1, LISTENING, "Server processes; each holds a network of its own.", ge=1, le=64
    )

    public_search: bool | None = _set(
        None,
        ACCESS,
        "Searching needs no key.",
        "where only this machine is listened to, and no proxy is trusted",
    )
    public_photos: bool = _set(
        True, ACCESS, "Catalogue photos need no key: a page cannot send one for a picture."
    )
    public_metrics: bool | None = _set(
        None, ACCESS, "/metrics needs no key of scope admin.", "as with public search"
    )
    cors_origins: Names = _set(
        (),
        ACCESS,
        "Web sites whose scripts may ask, such as https://shop.example; * is all.",
        "none",
    )
    fetch_hosts: Names = _set(
        (),
        ACCESS,
        "Hosts from which the server fetches photos that a request names by URL.",
        "none: no URL is fetched",
    )
    fetch_http: bool = _set(False, ACCESS, "Fetch over plain http too, not only https.")

    max_bytes: int | None = _set(
        None, LIMITS, "The largest photo taken, in bytes.", "the shop's", gt=0
    )
    max_batch: int = _set(16, LIMITS, "The most photos of one batch request.", ge=1, le=1024)
    max_batch_bytes: int | None = _set(
        None, LIMITS, "The largest batch request, in bytes.", "four of the largest photos", gt=0
    )
    max_top_k: int = _set(200, LIMITS, "The most hits that one request may ask for.", ge=1)
    key_rate: float = _set(
        100.0,
        LIMITS,
        "Requests a second for one key, on average, of all workers together; 0 is no limit.",
        ge=0,
    )
    key_burst: int = _set(200, LIMITS, "Requests at once for one key.", ge=1)
    address_rate: float | None = _set(
        None,
        LIMITS,
        "Requests a second from one address without a key, on average, of all workers together; 0 "
        "is no limit.",
        "5; no limit where searching is public by default",
        ge=0,
    )
    address_burst: int = _set(40, LIMITS, "Requests at once from one address.", ge=1)
    body_seconds: float = _set(
        20.0, LIMITS, "A request must have arrived within so many seconds, or gets 408.", gt=0
    )
    request_seconds: float = _set(
        60.0, LIMITS, "A request is answered within so many seconds, or gets 503.", gt=0
    )

    threads: int = _set(
        8,
        WORK,
        "Threads for requests without a photo, such as for items and categories.",
        ge=1,
    )
    max_photos: int = _set(
        64, WORK, "Photos held at once from decoding to the answer; the next gets 503.", ge=1
    )
    decoders: int = _set(
        CORES, WORK, "Threads that decode photos.", "one a core, at most four", ge=1, le=256
    )
    searchers: int = _set(
        CORES,
        WORK,
        "Threads that answer plain searches, and as many for the others.",
        "one a core, at most four",
        ge=1,
        le=256,
    )
    gather_ms: float = _set(
        3.0,
        WORK,
        "Milliseconds that a pass through the network waits for photos that are being decoded.",
        ge=0,
    )
    batching: bool = _set(
        True, WORK, "Photos of several requests share a pass; only to compare: not."
    )
    poll_seconds: float = _set(
        1.0, WORK, "How often to look for a newly published model or index.", gt=0
    )
    rebuild: bool = _set(
        True, WORK, "Build a new index in a process of its own when many changes have gathered."
    )

    log_format: Literal["text", "json"] = _set(
        "text", OPERATION, "Log lines for people, or one JSON object a line."
    )
    log_level: Literal["debug", "info", "warning", "error"] = _set(
        "info", OPERATION, "The least important log lines shown: debug, info, warning or error."
    )
    drain_seconds: float = _set(
        0.0,
        OPERATION,
        "When asked to end, go on so long while /readyz says 503, so that a balancer looks away.",
        ge=0,
    )
    shutdown_seconds: int = _set(
        30, OPERATION, "Then requests in flight have so long to end.", ge=1
    )

    @field_validator("root_path")
    @classmethod
    def _is_path(cls, value: str) -> str:
        if value and (not value.startswith("/") or value.endswith("/")):
            raise ValueError("expected a path such as /shop, without a slash at its end")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            ipaddress.ip_network(name, strict=False)
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if origin != "*" and not re.fullmatch(r"https?://[^/\s*@]+", origin):
                raise ValueError(
                    f"{origin!r} is no origin: expected scheme and host alone, such as "
                    "https://shop.example, or *"
                )
        return value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.max_batch_bytes and self.max_bytes and self.max_batch_bytes < self.max_bytes:
            raise ValueError("max_batch_bytes is less than max_bytes: a batch of one must pass")
        return self

    @property
    def local(self) -> bool:
        """Whether only this machine can ask: no other address is listened to, no proxy is known."""
        return is_loopback(self.host) and not self.trusted_proxies

    @property
    def opens_search(self) -> bool:
        """Whether searching needs no key."""
        return self.local if self.public_search is None else self.public_search

    @property
    def opens_metrics(self) -> bool:
        """Whether /metrics needs no key."""
        return self.local if self.public_metrics is None else self.public_metrics

    @property
    def rate_by_address(self) -> float:
        """Requests a second from one address without a key; 0 is no limit."""
        if self.address_rate is not None:
            return self.address_rate
        return 0.0 if self.local and self.public_search is None else 5.0


def is_loopback(host: str) -> bool:
    """Say whether a server that listens at this address can be reached from its machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def told_default(name: str) -> str:
    """Return the default of a setting as help tells it."""
    field = ServerSettings.model_fields[name]
    extra = field.json_schema_extra
    told = extra.get("told") if isinstance(extra, Mapping) else None
    if told:
        return str(told)
    if isinstance(field.default, bool):
        return "yes" if field.default else "no"
    return f"{field.default:g}" if isinstance(field.default, float) else str(field.default)


def group_of(name: str) -> str:
    """Return the group under which help tells a setting."""
    extra = ServerSettings.model_fields[name].json_schema_extra
    return str(extra["group"]) if isinstance(extra, Mapping) else LISTENING
