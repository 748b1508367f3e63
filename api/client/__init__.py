"""A client of the HTTP API for programs: `Client`, and `AsyncClient` for those with an event loop.

    with Client("http://127.0.0.1:8000") as shop:
        answer = shop.search(Path("photo.jpg"), top_k=5, category=["Fruit > Apple"])
        print([hit.item_id for hit in answer.hits])

Answers are the documents of `api.schemas`. What the server refuses is raised as `ApiError`, in the
problem's words. Where the server has too much to do, is asked too often or cannot be reached, the
same is asked again, after as long as it says: every question and every change can be repeated.
"""

from api.client.asking import (
    ApiError,
    Filtering,
    ItemData,
    Listing,
    NamedItemData,
    Photo,
    Searching,
)
from api.client.clients import AsyncClient, Client

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "Filtering",
    "ItemData",
    "Listing",
    "NamedItemData",
    "Photo",
    "Searching",
]
