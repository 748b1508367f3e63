"""The filter that many routes take: categories, and an expression over the items' fields."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

from api.routes.context import OpenShop
from indexer.filter_syntax import Filter
from indexer.filters import parse_filter
from indexer.shop import Shop
from vsearch.taxonomy import CategoryPath

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
MAX_WHERE = 4000  # characters


@dataclass(frozen=True)
class Filtered:
    """What a request asks for, understood."""

    categories: tuple[CategoryPath, ...] = ()
    where: Filter | None = None

    @classmethod
    def parse(
        cls, shop: Shop, categories: Sequence[str] = (), where: str | None = None
    ) -> "Filtered":
        """Understand the names of categories and an expression.

        Raises:
            CategoryError: the shop has no such category.
            FilterError: the expression cannot be understood.
        """
        if not categories and not where:
            return cls()  # the fields are not needed, and reading them costs more than a search
        fields = shop.columns.fields()
        paths = tuple(fields.category(name) for name in categories)
        return cls(paths, parse_filter(where, fields) if where else None)


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
