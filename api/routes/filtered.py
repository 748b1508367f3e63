"""What many routes take: an item's id, and a filter of categories and an expression."""

from typing import Annotated

from fastapi import Depends, Path, Query

from api.filtered import Filtered
from api.routes.context import OpenShop
from api.schemas.asking import CategoryNames, FilterText

CATEGORY = (
    "Only items within this category; repeat it for several. A whole path or, where it is unique, "
    "a name alone."
)
CATEGORY_EXAMPLES = [["Fruit > Apple"]]
WHERE = (
    "Only items for which this holds: comparisons of the items' fields, joined by `and`, `or` and "
    "`not`; `GET /v1/fields` lists the fields."
)
WHERE_EXAMPLES = ["price < 50 and colour in ('red', 'blue')"]


def _of_query(
    shop: OpenShop,
    category: Annotated[
        CategoryNames | None, Query(description=CATEGORY, examples=CATEGORY_EXAMPLES)
    ] = None,
    where: Annotated[FilterText | None, Query(description=WHERE, examples=WHERE_EXAMPLES)] = None,
) -> Filtered:
    return Filtered.parse(shop, category or (), where)


QueryFilter = Annotated[Filtered, Depends(_of_query)]
ItemPath = Annotated[
    str,
    Path(
        min_length=1,
        max_length=200,
        description="The item's id, percent-encoded; slashes may stand as they are, but for the "
        "last of an id that ends in /photo or /similar: `a%2Fphoto`.",
        examples=["Granny-Smith"],
    ),
]
