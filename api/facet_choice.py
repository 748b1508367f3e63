"""Which facets are counted: those that are asked for, or all that leave something to choose."""

from api.problems import Kind, ProblemError
from indexer.filter_syntax import CATEGORY, OWN_FIELDS, Field
from indexer.shop import Shop

MAX_FACETS = 20
MOST_VALUES = 200  # of a text field, to be a facet that nobody has asked for by name


def facet_fields(shop: Shop, names: list[str] | None) -> list[Field]:
    """Return the fields of facets; without names the category and all that can be chosen from.

    Raises:
        ProblemError: 422, there is no such field, or too many are asked for.
    """
    known = shop.columns.fields()
    if not names:
        return _choosable(shop, known.all())
    if len(names) > MAX_FACETS:
        told = f"{len(names)} facets are asked for, at most {MAX_FACETS} are counted at a time."
        raise ProblemError(422, Kind.INVALID_REQUEST, told)
    found = [known.find(name) for name in names]
    for name, field in zip(names, found, strict=True):
        if field is None:
            raise ProblemError(
                422, Kind.INVALID_REQUEST, f"No facet “{name}”: {known.unknown(name)}."
            )
    return list(dict.fromkeys(field for field in found if field is not None))


def _choosable(shop: Shop, known: list[Field]) -> list[Field]:
    """Return the category, and the attributes that have two values or more but not too many."""
    attributes = [field for field in known if field.name not in OWN_FIELDS]
    columns = shop.columns.current(attributes).columns
    chosen = [
        field
        for field in attributes
        if 1 < len(columns[field].entries) <= MOST_VALUES or field.kind == "number"
    ]
    return [CATEGORY, *chosen][:MAX_FACETS]
