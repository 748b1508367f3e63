"""What a search with a photo is asked with, as a form or as JSON."""

from typing import Annotated

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, field_validator

from indexer.grouping import Grouping
from indexer.search import Restrict

MAX_TEXTS = 50  # categories or facets in a request
MAX_WHERE = 4000  # characters
ALL_FACETS = "all"

# The formats are our own: what is allowed depends on the shop, which `/v1/fields` and
# `/v1/categories` tell.
CategoryName = Annotated[str, Field(max_length=750, json_schema_extra={"format": "category"})]
FieldName = Annotated[str, Field(max_length=750, json_schema_extra={"format": "field"})]
FilterText = Annotated[str, Field(max_length=MAX_WHERE, json_schema_extra={"format": "filter"})]
SortText = Annotated[str, Field(max_length=200, json_schema_extra={"format": "sort"})]
SearchText = Annotated[str, Field(max_length=400, json_schema_extra={"format": "words"})]
CategoryNames = Annotated[list[CategoryName], Field(max_length=MAX_TEXTS)]
FieldNames = Annotated[list[FieldName], Field(max_length=MAX_TEXTS)]


class PhotoAsked(BaseModel):
    """A part of a photo, and what is asked about it."""

    model_config = ConfigDict(extra="forbid")

    crop: Annotated[str, Field(max_length=200)] | None = Field(
        None,
        description="Use only this part of the photo: x,y,width,height as fractions of it, 0 to 1.",
        examples=["0.1,0.2,0.5,0.5"],
    )

    photo_url: Annotated[str, Field(max_length=2000)] | None = Field(
        None,
        description="In place of a photo: where it lies. Fetched from allowed hosts alone.",
        examples=[None],
    )

    @field_validator("crop", "photo_url", mode="before")
    @classmethod
    def _left_empty(cls, value: object) -> object:
        """Take an empty field of a form for none."""
        return None if value == "" else value

    @field_validator("crop", mode="before")
    @classmethod
    def _written(cls, value: object) -> object:
        """Take four numbers as well, which JSON has."""
        return ",".join(str(part) for part in value) if isinstance(value, list) else value


class SearchAsked(PhotoAsked):
    """What a search is asked with beside the photo."""

    top_k: int = Field(10, ge=1, description="How many items on a page.")
    page: int = Field(1, ge=1, description="Which page of `top_k` hits, from 1 on.")
    index: str | None = Field(
        None,
        max_length=100,
        description="The index version that earlier pages came from: where another one serves by "
        "now the answer is 409, as the pages would not fit together.",
        examples=[None],
    )
    category: CategoryNames = Field(
        [],
        description="Only items within one of these categories: whole paths or, where they are "
        "unique, names alone.",
        examples=[["Fruit > Apple"]],
    )
    where: FilterText | None = Field(
        None,
        description="Only items for which this holds; `GET /v1/fields` lists the fields.",
        examples=["price < 50 and colour in ('red', 'blue')"],
    )
    min_score: float = Field(
        -1.0,
        ge=-1,
        le=1,
        allow_inf_nan=False,
        description="Only items that are at least as similar: a cosine.",
    )
    text: SearchText | None = Field(
        None,
        description="Words that the items are to have: what they find and what looks alike are "
        "joined by rank.",
        examples=["blue striped"],
    )
    restrict: Restrict = Field(
        "off",
        description="“auto” looks within the categories that the photo is likely to show, where "
        "they are clear.",
    )
    group: Grouping = Field(
        "none", description="“group_id” returns one hit for all variants of a product."
    )
    facets: FieldNames = Field(
        [],
        description="Count the items that the filter leaves by these fields; “all”: by those that "
        "have few enough values to choose from.",
        examples=[["colour", "price"]],
    )
    explain: bool = Field(
        False,
        strict=True,
        description="Also return the photo with the places that speak for the first labels.",
    )

    @field_validator("where", "text", "index", mode="before")
    @classmethod
    def _given(cls, text: object) -> object:
        """Take a field of a form that was left empty for one that was not sent."""
        return None if text == "" else text


class PhotoSent(BaseModel):
    """A photo in JSON."""

    photo: Base64Bytes | None = Field(
        None, description="The photo's file in base64; null where `photo_url` says where it lies."
    )


class SearchSent(SearchAsked, PhotoSent):
    """A search as JSON."""


class ClassifySent(PhotoAsked, PhotoSent):
    """A question about a photo as JSON."""


class ExplainAsked(PhotoAsked):
    """What is to be explained."""

    item_id: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=3)] = Field(
        [], description="Items that the photo is compared with.", examples=[["Granny-Smith"]]
    )


class ExplainSent(ExplainAsked, PhotoSent):
    """What is to be explained, as JSON."""
