"""What programs send to change the catalogue, and what they are told."""

from typing import Annotated

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, FiniteFloat

from api.schemas.example_photo import EXAMPLE_PHOTO
from api.schemas.items import PathText

MAX_PHOTOS = 32  # of an item
MAX_ITEMS = 100  # in a request
Text = Annotated[str, Field(max_length=2000)]
ItemId = Annotated[str, Field(min_length=1, max_length=200, examples=["Granny-Smith"])]
Attribute = Annotated[bool | int | FiniteFloat | Text | None, Field()]


class ItemInput(BaseModel):
    """All of an item. What is left out is taken away, photos alone stay as they are."""

    model_config = ConfigDict(extra="forbid")

    title: Text = Field("", examples=["Granny Smith"])
    category: PathText = Field(max_length=750)
    further_categories: list[PathText] = Field(
        [], max_length=20, description="Other places of the tree where the item is found."
    )
    group_id: Text | None = Field(None, description="Joins the variants of one product.")
    attributes: dict[Text, Attribute] = Field({}, examples=[{"country": "Italy", "price": 2.5}])
    photos: list[Base64Bytes] | None = Field(
        None,
        max_length=MAX_PHOTOS,
        examples=[[EXAMPLE_PHOTO]],
        description="The files of all catalogue photos in base64, the first one first; null keeps "
        "those that the item has.",
    )


class NamedItem(ItemInput):
    """All of an item, with its id."""

    item_id: ItemId


class ItemsInput(BaseModel):
    """Items to be taken in."""

    model_config = ConfigDict(extra="forbid")

    items: list[NamedItem] = Field(min_length=1, max_length=MAX_ITEMS)


class RejectDocument(BaseModel):
    """Something that was not taken in."""

    item_id: str | None = Field(examples=["Granny-Smith"])
    field: str = Field(examples=["photo"])
    reason: str = Field(examples=["the photo has no pixels"])


class UpsertDocument(BaseModel):
    """What became of items; those that were taken in are found at once."""

    added: int = Field(examples=[1])
    changed: int = Field(examples=[0])
    unchanged: int = Field(examples=[0])
    searchable: int = Field(description="Items that are found from now on.", examples=[1])
    waiting: int = Field(description="Items that wait for the shop's first build.", examples=[0])
    embedded: int = Field(description="Photos that went through the network.", examples=[1])
    rejected: list[RejectDocument] = Field(
        description="What was not taken in; a rejected item is left as it was.", examples=[[]]
    )


class DeletedDocument(BaseModel):
    """That an item is gone."""

    item_id: str = Field(examples=["Granny-Smith"])
    photos_deleted: int = Field(examples=[2])
