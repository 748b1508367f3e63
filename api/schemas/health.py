"""What the server says of itself."""

from typing import Literal

from pydantic import BaseModel, Field


class Alive(BaseModel):
    """That the server runs."""

    status: Literal["ok"] = Field(examples=["ok"])


class Ready(BaseModel):
    """That the shop can be searched, and with what."""

    status: Literal["ready"] = Field(examples=["ready"])
    model: str = Field(examples=["3f9a0c1d2e4b5a69"])
    index: str = Field(examples=["20260103T101500-9c1d2e4b"])
