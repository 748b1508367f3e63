"""`similar`: more items like one of the shop's own."""

from typing import Annotated

import typer

from api.cli.search import hits_listing
from api.cli.terminal import Json, ShopFolder, Terminal


def similar(
    shop: ShopFolder,
    item_id: Annotated[str, typer.Argument(metavar="ITEM_ID", show_default=False)],
    top_k: Annotated[int, typer.Option(min=1, help="How many items to show.")] = 10,
    category: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH", help="Only items within this category. Repeatable.", show_default=False
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="FILTER",
            help="Only items for which this holds, such as “price < 50 and in_stock”.",
            show_default=False,
        ),
    ] = None,
    min_score: Annotated[
        float,
        typer.Option(metavar="S", min=-1, max=1, help="Only items as similar as this, by cosine."),
    ] = -1.0,
    as_json: Json = False,
) -> None:
    """Find the items that look like an item of the shop."""
    from indexer.filters import parse_filter
    from indexer.search import Searcher
    from indexer.shop import Shop

    with Terminal(as_json) as terminal, Shop.open(shop) as opened:
        taxonomy = opened.columns.all_paths()
        searcher = Searcher.open(opened)
        hits = searcher.items.similar(
            item_id,
            top_k=top_k,
            categories=[taxonomy.find(name) for name in category or ()],
            where=parse_filter(where, opened.columns.fields()) if where else None,
            min_score=min_score,
        )
        told = [hit.to_json() for hit in hits]
        document = {
            "item_id": item_id,
            "hits": told,
            "model": searcher.embedder.model_fingerprint,
            "index": searcher.version.name,
        }
        terminal.answer(document, hits_listing(told))
