"""Facets: how many items there are of each value."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from api.schemas.categories import display_name
from api.schemas.items import PathText
from indexer.facets import CategoryFacet, Facet, NumberFacet, ValueFacet
from indexer.filter_syntax import Kind
from vsearch.taxonomy import format_path

Count = Annotated[int, Field(description="Items.", examples=[12])]


class ValueCount(BaseModel):
    """A value of a text or bool field."""

    value: str | bool = Field(examples=["red"])
    count: Count


class ValueFacetDocument(BaseModel):
    """The commonest values of a text or bool field."""

    kind: Literal["values"] = "values"
    name: str = Field(examples=["colour"])
    display_name: str = Field(examples=["Colour"])
    values: list[ValueCount] = Field(description="The commonest first.")
    others: int = Field(description="Items with any other value.", examples=[0])
    missing: int = Field(description="Items without a value.", examples=[3])


class BucketCount(BaseModel):
    """The items between two bounds."""

    low: float = Field(examples=[10.0])
    high: float = Field(examples=[20.0])
    count: Count


class NumberFacetDocument(BaseModel):
    """The values of a number field."""

    kind: Literal["numbers"] = "numbers"
    name: str = Field(examples=["price"])
    display_name: str = Field(examples=["Price"])
    minimum: float | None = Field(description="null where no item has a value.", examples=[1.5])
    maximum: float | None = Field(description="null where no item has a value.", examples=[80.0])
    buckets: list[BucketCount] = Field(description="Between round bounds.")
    missing: int = Field(description="Items without a value.", examples=[3])


class CategoryCountDocument(BaseModel):
    """The items of a category."""

    path: PathText
    own: int = Field(description="Items in the category itself.", examples=[3])
    subtree: int = Field(description="Items in it and all below it.", examples=[28])


class CategoryFacetDocument(BaseModel):
    """The categories that hold items, each after the one above it."""

    kind: Literal["categories"] = "categories"
    name: str = Field(examples=["category"])
    display_name: str = Field(examples=["Category"])
    categories: list[CategoryCountDocument]


FacetDocument = Annotated[
    ValueFacetDocument | NumberFacetDocument | CategoryFacetDocument,
    Field(discriminator="kind"),
]


class FacetsDocument(BaseModel):
    """Facets under a filter."""

    total: int = Field(description="Items that the filter leaves.", examples=[81])
    facets: list[FacetDocument]


class FieldDocument(BaseModel):
    """Something that `where` may ask for, and that may be a facet."""

    name: str = Field(examples=["price"])
    display_name: str = Field(examples=["Price"])
    kind: Kind = Field(examples=["number"])


class FieldsDocument(BaseModel):
    """What filters may ask for."""

    fields: list[FieldDocument]


def facet_documents(facets: Sequence[Facet]) -> list[FacetDocument]:
    """Describe facets."""
    return [_document(facet) for facet in facets]


def _document(facet: Facet) -> FacetDocument:
    told: dict[str, Any] = {"name": facet.name, "display_name": field_name(facet.name)}
    match facet:
        case ValueFacet():
            values = [ValueCount(value=value, count=count) for value, count in facet.counts]
            return ValueFacetDocument(
                **told, values=values, others=facet.others, missing=facet.missing
            )
        case NumberFacet():
            buckets = [BucketCount(low=b.low, high=b.high, count=b.count) for b in facet.buckets]
            return NumberFacetDocument(
                **told,
                minimum=facet.minimum,
                maximum=facet.maximum,
                buckets=buckets,
                missing=facet.missing,
            )
        case CategoryFacet():
            counts = [
                CategoryCountDocument(path=format_path(c.path), own=c.own, subtree=c.subtree)
                for c in facet.counts
            ]
            return CategoryFacetDocument(**told, categories=counts)


def field_name(name: str) -> str:
    """Return a field's name as people read it."""
    words = display_name(name)
    return words[:1].upper() + words[1:]
