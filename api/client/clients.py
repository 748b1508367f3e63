"""The two clients: one that waits, and one for an event loop."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar, Unpack

import httpx2
from pydantic import BaseModel, ValidationError

from api.client import asking
from api.client.asking import (
    ApiError,
    Asked,
    Crop,
    Filtering,
    ItemData,
    Listing,
    NamedItemData,
    Photo,
    Searching,
    SimilarTo,
)
from api.schemas.answers import BatchAnswer, Prediction, SearchAnswer, SimilarAnswer
from api.schemas.categories import CategoryTree
from api.schemas.explanations import ExplanationDocument
from api.schemas.facets import FacetsDocument, FieldsDocument
from api.schemas.items import ItemDocument, ItemPage
from api.schemas.shop import ShopDocument
from api.schemas.writing import DeletedDocument, UpsertDocument

RETRIES = 4
TIMEOUT = 60.0  # seconds for one try
LONGEST_WAIT = 30.0  # seconds between two tries
_FIRST_WAIT = 0.2
_AGAIN = frozenset((429, 502, 503, 504))

Answer = TypeVar("Answer", bound=BaseModel)


@dataclass(frozen=True)
class _Server:
    """What both clients know of their server.

    Attributes:
        url: of the server's root.
        key: the API key; None: searching is public there.
        retries: how often the same is asked again.
        timeout: seconds for one try.
    """

    url: str
    key: str | None
    retries: int
    timeout: float

    def options(self) -> dict[str, Any]:
        """Return what a client of httpx is made with."""
        headers = {"X-API-Key": self.key} if self.key else {}
        return {"base_url": self.url, "headers": headers, "timeout": self.timeout}

    def wait(self, tried: int, answer: "httpx2.Response | httpx2.TransportError") -> float | None:
        """Return the seconds until the same is asked again; None: it is not.

        As long as the server says; else twice as long each time, at random, so that clients which
        were refused together do not come back together.
        """
        if tried >= self.retries:
            return None
        if isinstance(answer, httpx2.Response):
            if answer.status_code not in _AGAIN:
                return None
            told = answer.headers.get("retry-after", "")
            if told.isdigit():
                return min(float(told), LONGEST_WAIT)
        longest: float = min(_FIRST_WAIT * 2**tried, LONGEST_WAIT)
        return longest * random.uniform(0.5, 1.0)

    def lost(self, error: httpx2.TransportError) -> ApiError:
        """Return what is raised where there is no answer."""
        return ApiError(
            0, {}, f"{self.url} cannot be reached: {str(error) or type(error).__name__}"
        )


class Client:
    """Asks the API and waits for the answers; safe between threads.

    Args:
        url: of the server, with the path that a proxy adds if there is one.
        key: an API key; None: none is sent.
        retries: how often the same is asked again where the server is busy or out of reach.
        timeout: seconds for one try.
        transport: how requests travel; None: over the network.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        retries: int = RETRIES,
        timeout: float = TIMEOUT,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._server = _Server(url, key, retries, timeout)
        self._http = httpx2.Client(**self._server.options(), transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def search(self, photo: Photo, **asked: Unpack[Searching]) -> SearchAnswer:
        """Return what a photo shows and the items that look like it."""
        return self._ask(asking.search(photo, asked))

    def search_batch(self, photos: Sequence[Photo], **asked: Unpack[Searching]) -> BatchAnswer:
        """Return the same for several photos at once."""
        return self._ask(asking.search_batch(photos, asked))

    def classify(self, photo: Photo, *, crop: Crop | None = None) -> Prediction:
        """Return what a photo shows."""
        return self._ask(asking.classify(photo, crop))

    def explain(
        self, photo: Photo, item_ids: Sequence[str] = (), *, crop: Crop | None = None
    ) -> ExplanationDocument:
        """Return why a photo has its labels, and what it has in common with items."""
        return self._ask(asking.explain(photo, item_ids, crop))

    def similar(self, item_id: str, **asked: Unpack[SimilarTo]) -> SimilarAnswer:
        """Return the items that look like an item."""
        return self._ask(asking.similar(item_id, asked))

    def items(self, **asked: Unpack[Listing]) -> ItemPage:
        """Return a page of items."""
        return self._ask(asking.items(asked))

    def item(self, item_id: str) -> ItemDocument:
        """Return an item."""
        return self._ask(Asked("GET", asking.item_path(item_id), ItemDocument))

    def categories(self, **asked: Unpack[Filtering]) -> CategoryTree:
        """Return the category tree, with the items that a filter leaves."""
        return self._ask(asking.categories(asked))

    def facets(self, *fields: str, **asked: Unpack[Filtering]) -> FacetsDocument:
        """Return how many items there are by the values of fields."""
        return self._ask(asking.facets(fields, asked))

    def fields(self) -> FieldsDocument:
        """Return what filters may ask for."""
        return self._ask(Asked("GET", "/v1/fields", FieldsDocument))

    def shop(self) -> ShopDocument:
        """Return which shop this is, and what a request may ask for."""
        return self._ask(Asked("GET", "/v1/shop", ShopDocument))

    def put_item(self, item_id: str, **item: Unpack[ItemData]) -> UpsertDocument:
        """Add or change an item, so that it is found when this returns."""
        return self._ask(asking.put_item(item_id, item))

    def put_items(self, items: Sequence[NamedItemData]) -> UpsertDocument:
        """Add or change several items."""
        return self._ask(asking.put_items(items))

    def delete_item(self, item_id: str) -> DeletedDocument:
        """Take an item out."""
        return self._ask(Asked("DELETE", asking.item_path(item_id), DeletedDocument))

    def _ask(self, asked: Asked[Answer]) -> Answer:
        options = asked.options()
        for tried in range(self._server.retries + 1):
            answer: httpx2.Response | httpx2.TransportError
            try:
                answer = self._http.request(asked.method, asked.path, **options)
            except httpx2.TransportError as error:
                answer = error
            wait = self._server.wait(tried, answer)
            if wait is None:
                break
            time.sleep(wait)
        return _understood(self._server, asked, answer)


class AsyncClient:
    """The same with coroutines, for an event loop; see `Client`."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        retries: int = RETRIES,
        timeout: float = TIMEOUT,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._server = _Server(url, key, retries, timeout)
        self._http = httpx2.AsyncClient(**self._server.options(), transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def search(self, photo: Photo, **asked: Unpack[Searching]) -> SearchAnswer:
        """Return what a photo shows and the items that look like it."""
        return await self._ask(asking.search(photo, asked))

    async def search_batch(
        self, photos: Sequence[Photo], **asked: Unpack[Searching]
    ) -> BatchAnswer:
        """Return the same for several photos at once."""
        return await self._ask(asking.search_batch(photos, asked))

    async def classify(self, photo: Photo, *, crop: Crop | None = None) -> Prediction:
        """Return what a photo shows."""
        return await self._ask(asking.classify(photo, crop))

    async def explain(
        self, photo: Photo, item_ids: Sequence[str] = (), *, crop: Crop | None = None
    ) -> ExplanationDocument:
        """Return why a photo has its labels, and what it has in common with items."""
        return await self._ask(asking.explain(photo, item_ids, crop))

    async def similar(self, item_id: str, **asked: Unpack[SimilarTo]) -> SimilarAnswer:
        """Return the items that look like an item."""
        return await self._ask(asking.similar(item_id, asked))

    async def items(self, **asked: Unpack[Listing]) -> ItemPage:
        """Return a page of items."""
        return await self._ask(asking.items(asked))

    async def item(self, item_id: str) -> ItemDocument:
        """Return an item."""
        return await self._ask(Asked("GET", asking.item_path(item_id), ItemDocument))

    async def categories(self, **asked: Unpack[Filtering]) -> CategoryTree:
        """Return the category tree, with the items that a filter leaves."""
        return await self._ask(asking.categories(asked))

    async def facets(self, *fields: str, **asked: Unpack[Filtering]) -> FacetsDocument:
        """Return how many items there are by the values of fields."""
        return await self._ask(asking.facets(fields, asked))

    async def fields(self) -> FieldsDocument:
        """Return what filters may ask for."""
        return await self._ask(Asked("GET", "/v1/fields", FieldsDocument))

    async def shop(self) -> ShopDocument:
        """Return which shop this is, and what a request may ask for."""
        return await self._ask(Asked("GET", "/v1/shop", ShopDocument))

    async def put_item(self, item_id: str, **item: Unpack[ItemData]) -> UpsertDocument:
        """Add or change an item, so that it is found when this returns."""
        return await self._ask(asking.put_item(item_id, item))

    async def put_items(self, items: Sequence[NamedItemData]) -> UpsertDocument:
        """Add or change several items."""
        return await self._ask(asking.put_items(items))

    async def delete_item(self, item_id: str) -> DeletedDocument:
        """Take an item out."""
        return await self._ask(Asked("DELETE", asking.item_path(item_id), DeletedDocument))

    async def _ask(self, asked: Asked[Answer]) -> Answer:
        options = await asyncio.to_thread(asked.options)
        for tried in range(self._server.retries + 1):
            answer: httpx2.Response | httpx2.TransportError
            try:
                answer = await self._http.request(asked.method, asked.path, **options)
            except httpx2.TransportError as error:
                answer = error
            wait = self._server.wait(tried, answer)
            if wait is None:
                break
            await asyncio.sleep(wait)
        return _understood(self._server, asked, answer)


def _understood(
    server: _Server, asked: Asked[Answer], answer: "httpx2.Response | httpx2.TransportError"
) -> Answer:
    """Return the document that answers a request.

    Raises:
        ApiError: the server refused it, could not be reached, or is none of ours.
    """
    if isinstance(answer, httpx2.TransportError):
        raise server.lost(answer) from answer
    if answer.is_success:
        try:
            return asked.answer.model_validate_json(answer.content)
        except ValidationError as error:
            told = f"{answer.url} does not answer as this API: is there another server?"
            raise ApiError(answer.status_code, {}, told) from error
    problem = _problem(answer)
    told = str(problem.get("detail") or f"{answer.status_code} {answer.reason_phrase}")
    raise ApiError(answer.status_code, problem, told)


def _problem(answer: httpx2.Response) -> Mapping[str, Any]:
    if "json" not in answer.headers.get("content-type", ""):
        return {}
    found = answer.json()
    return found if isinstance(found, dict) else {}
