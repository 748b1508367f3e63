"""What an operator can set for `vsearch serve`: flags, or the environment (VSEARCH_*)."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServerSettings(BaseSettings):
    """Settings of the HTTP server; a flag wins over the environment, that over the default.

    Every field is read from the environment variable of its name with `VSEARCH_` before it, such
    as `VSEARCH_PORT`.
    """

    model_config = SettingsConfigDict(env_prefix="VSEARCH_")

    shop: Path
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    max_bytes: int | None = Field(
        None,
        gt=0,
        description="The largest photo taken, in bytes; the shop's own limit by default.",
    )
    max_top_k: int = Field(200, ge=1, description="The most hits that one request may ask for.")
    threads: int = Field(
        8,
        ge=1,
        description="Requests worked on at once; each may hold one decoded photo in memory.",
    )
    poll_seconds: float = Field(
        1.0, gt=0, description="How often to look for a newly published model or index."
    )
    rebuild: bool = Field(
        True,
        description="Build a new index in a process of its own when many changes have gathered.",
    )
    root_path: str = Field("", description="The path that a proxy in front adds to every URL.")
