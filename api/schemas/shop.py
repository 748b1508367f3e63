"""Which shop this is, and what a request may ask for."""

from pydantic import BaseModel, Field


class ShopDocument(BaseModel):
    """A shop and the limits of its server."""

    name: str = Field(examples=["Corner shop"])
    model: str | None = Field(
        description="The model_fingerprint of what serves; null before the first build.",
        examples=["3f9a0c1d2e4b5a69"],
    )
    index: str | None = Field(
        description="The index version.", examples=["20260103T101500-9c1d2e4b"]
    )
    max_photo_bytes: int = Field(description="Of a photo's file.", examples=[20_000_000])
    max_photo_pixels: int = Field(examples=[60_000_000])
    max_photos: int = Field(description="Of one batch request.", examples=[16])
    max_top_k: int = Field(description="Hits on all pages together.", examples=[200])
