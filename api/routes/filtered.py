"""The filter that many routes take: categories, and an expression over the items' fields."""

from typing import Annotated

from fastapi import Depends, Query

from api.filtered import Filtered
from api.routes.context import OpenShop
from api.schemas.asking import MAX_WHERE

CATEGORY = (
    "Only items within this category; repeat it for several. A whole path or, where it is unique, "
    "a name alone."
)
CATEGORY_EXAMPLES = ["Fruit > Apple"]
WHERE = (
    "Only items for which this holds: comparisons of the items' fields, joined by `and`, `or` and "
    "`not`; `GET /v1/fields` lists the fields."
)
WHERE_EXAMPLES = ["price < 50 and colour in ('red', 'blue')"]


def _of_query(
    shop: OpenShop,
    category: Annotated[
        list[str] | None, Query(description=CATEGORY, examples=CATEGORY_EXAMPLES)
    ] = None,
    where: Annotated[
        str | None, Query(description=WHERE, examples=WHERE_EXAMPLES, max_length=MAX_WHERE)
    ] = None,
) -> Filtered:
    return Filtered.parse(shop, category or (), where)


QueryFilter = Annotated[Filtered, Depends(_of_query)]
