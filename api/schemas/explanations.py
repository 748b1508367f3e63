"""Why: photos with the places marked that speak for a label or a likeness."""

from typing import Annotated

from pydantic import BaseModel, Field

from api.schemas.items import PathText

Picture = Annotated[
    str,
    Field(
        description="A JPEG as a data URI, warm where the photo speaks for it.",
        examples=["data:image/jpeg;base64,/9j/4AAQ…"],
    ),
]


class LabelReason(BaseModel):
    """What of the photo speaks for a label."""

    name: str = Field(examples=["Granny-Smith"])
    path: PathText
    probability: float = Field(examples=[0.93])
    picture: Picture
    foreign: bool = Field(
        description="The photo is turned away: it is warm where it is unlike what is sold here.",
        examples=[False],
    )


class HitReason(BaseModel):
    """What the photo and a hit have in common."""

    item_id: str = Field(examples=["Granny-Smith"])
    similarity: float = Field(
        description="Cosine of the two photos, which the marks add up to.", examples=[0.871]
    )
    query: Picture = Field(description="The photo, warm where it is like the hit.")
    found: Picture = Field(
        description="The hit's catalogue photo, warm where it is like the photo."
    )


class ExplanationDocument(BaseModel):
    """Why a photo was given its labels, and why it found its hits."""

    labels: list[LabelReason] = Field(description="Of the most probable labels, best first.")
    hits: list[HitReason] = Field(description="Of the first hits, or of the items asked about.")
