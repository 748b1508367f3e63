"""Items, hits and their photos, as pages need them."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from indexer.records import Value

CONTENT_HASH = "5bd1a1e9a2e2fd7b9e5b1b8a0f6e2f31c94bd2d0f0d2ab4f2d7e3c1b0a998877"  # of examples

PathText = Annotated[
    str, Field(description="A category path, root first.", examples=["Fruit > Apple"])
]
PhotoUrl = Annotated[
    str,
    Field(
        description="A JPEG of at most `size` pixels a side; ask for 96, 192, 384, 768 or 1536. "
        "What it shows never changes, so that it may be kept for ever.",
        examples=[
            f"/v1/photos/{CONTENT_HASH}?size=384",
        ],
    ),
]


class ItemDocument(BaseModel):
    """An item as a page needs it."""

    item_id: str = Field(examples=["Granny-Smith"])
    title: str = Field(examples=["Granny Smith"])
    category: PathText
    further_categories: list[PathText] = Field(
        description="Other places of the tree where the item is found.", examples=[["Offers"]]
    )
    group_id: str | None = Field(description="Joins the variants of one product.", examples=[None])
    attributes: dict[str, Value] = Field(examples=[{"country": "Italy", "price": 2.5}])
    photo_url: PhotoUrl | None = Field(
        description="The item's first catalogue photo; null where it has none.",
        examples=[f"/v1/photos/{CONTENT_HASH}?size=384"],
    )
    photos: list[PhotoUrl] = Field(
        description="All catalogue photos; others are never shown.", examples=[[]]
    )


class ViewDocument(BaseModel):
    """The photo of an item that looks most like the query."""

    role: Literal["catalogue", "further"] = Field(
        description="Whether it is a catalogue photo or a further labelled one.",
        examples=["catalogue"],
    )
    photo_url: PhotoUrl | None = Field(
        description="null for a further labelled photo, which is never shown.",
        examples=[f"/v1/photos/{CONTENT_HASH}?size=384"],
    )


class HitDocument(ItemDocument):
    """An item that looks like the photo."""

    score: float = Field(description="Cosine similarity; higher is better.", examples=[0.871])
    view: ViewDocument | None = Field(
        description="The photo by which it was found; null where the item has just lost it.",
        examples=[{"role": "catalogue", "photo_url": f"/v1/photos/{CONTENT_HASH}?size=384"}],
    )
    variants: list[str] = Field(
        description="With `group`: further items of the same product that were found, best first.",
        examples=[[]],
    )


class ItemPage(BaseModel):
    """A page of the catalogue."""

    items: list[ItemDocument]
    total: int = Field(description="Items on all pages.", examples=[81])
    page: int = Field(examples=[1])
    pages: int = Field(examples=[5])
