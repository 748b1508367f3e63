"""What filters a request asks for, understood."""

from collections.abc import Sequence
from dataclasses import dataclass

from indexer.filter_syntax import Filter, fields_of, within
from indexer.filters import parse_filter
from indexer.records import Item
from indexer.shop import Shop
from vsearch.taxonomy import CategoryPath


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

    def count_beside(self, shop: Shop, item: Item) -> int:
        """Return how many of the shop's items there are beside one of them."""
        wanted = within(self.categories, self.where)
        columns = shop.columns.current(set(fields_of(wanted)) if wanted else set())
        found = columns.mask(wanted)
        return int(found.sum()) - int(found[columns.keys == item.key].sum())
