"""`GET /v1/categories`, `/v1/facets` and `/v1/fields`: what menus and filters are made of."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.access import needs
from api.facet_choice import MAX_FACETS, facet_fields
from api.routes.context import OpenShop, problems
from api.routes.filtered import QueryFilter
from api.schemas import CategoryTree
from api.schemas.asking import FieldName
from api.schemas.facets import (
    FacetsDocument,
    FieldDocument,
    FieldsDocument,
    facet_documents,
    field_name,
)
from indexer.facets import CategoryFacet, facets
from indexer.filter_syntax import CATEGORY, fields_of, within

router = APIRouter(
    prefix="/v1",
    tags=["catalogue"],
    dependencies=[needs("search")],
    responses=problems(_422="There is no such category or field, or the filter is not understood."),
)


@router.get("/categories", operation_id="get_categories")
def categories(shop: OpenShop, asked: QueryFilter) -> CategoryTree:
    """Return the tree of categories with the number of items in each, under a filter if asked."""
    wanted = within(asked.categories, asked.where)
    fields = {CATEGORY, *(fields_of(wanted) if wanted else ())}
    columns = shop.columns.current(fields)
    (facet,) = facets(columns, [CATEGORY], wanted, multi_select=False)
    counts = facet.counts if isinstance(facet, CategoryFacet) else ()
    total = int(columns.mask(wanted).sum())
    return CategoryTree.of({one.path: (one.own, one.subtree) for one in counts}, total)


@router.get("/facets", operation_id="get_facets")
def counted(
    shop: OpenShop,
    asked: QueryFilter,
    field: Annotated[
        list[FieldName] | None,
        Query(
            description="A field to count by; repeat it for several. None: all that have few "
            "enough values to choose from.",
            max_length=MAX_FACETS,
            examples=[["colour"]],
        ),
    ] = None,
    top: Annotated[int, Query(ge=1, le=200, description="How many values of a text field.")] = 20,
) -> FacetsDocument:
    """Count the items under a filter by the values of fields.

    A facet passes over its own selection: who has chosen red still sees how many blue ones there
    are.
    """
    fields = facet_fields(shop, field)
    wanted = within(asked.categories, asked.where)
    columns = shop.columns.current({*fields, *(fields_of(wanted) if wanted else ())})
    counts = facets(columns, fields, wanted, top=top)
    return FacetsDocument(total=int(columns.mask(wanted).sum()), facets=facet_documents(counts))


@router.get("/fields", operation_id="get_fields")
def fields(shop: OpenShop) -> FieldsDocument:
    """Return the fields that `where` may ask for and facets can count by."""
    known = shop.columns.fields().all()
    return FieldsDocument(
        fields=[
            FieldDocument(name=f.name, display_name=field_name(f.name), kind=f.kind) for f in known
        ]
    )
