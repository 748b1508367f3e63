"""The requests of the API, said once for both clients."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypedDict, TypeVar
from urllib.parse import quote

from pydantic import BaseModel

from api.schemas.answers import BatchAnswer, Prediction, SearchAnswer, SimilarAnswer
from api.schemas.categories import CategoryTree
from api.schemas.explanations import ExplanationDocument
from api.schemas.facets import FacetsDocument
from api.schemas.items import ItemPage
from api.schemas.writing import UpsertDocument
from indexer.grouping import Grouping
from indexer.records import Value
from indexer.search import Restrict
from vsearch.errors import VsearchError

Answer = TypeVar("Answer", bound=BaseModel)
Photo = bytes | Path
"""A photo's file, or where it lies."""
Crop = tuple[float, float, float, float]
"""x, y, width and height of a part of a photo, as fractions of it."""


class ApiError(VsearchError):
    """The server refused a request, or could not be reached.

    Attributes:
        status: of HTTP; 0 where there was no answer.
        problem: the members of the problem detail (RFC 9457); empty where there was none.
    """

    def __init__(self, status: int, problem: Mapping[str, Any], told: str) -> None:
        super().__init__(told)
        self.status = status
        self.problem = problem


class Filtering(TypedDict, total=False):
    """Which items: those within any of some categories for which an expression holds."""

    category: Sequence[str]
    where: str


class Searching(Filtering, total=False):
    """How a search is asked; see `POST /v1/search`."""

    top_k: int
    page: int
    index: str
    crop: Crop
    min_score: float
    text: str
    restrict: Restrict
    group: Grouping
    facets: Sequence[str]
    explain: bool


class SimilarTo(Filtering, total=False):
    """How items like an item are asked for; see `GET /v1/items/{item_id}/similar`."""

    top_k: int
    page: int
    min_score: float
    group: Grouping


class Listing(Filtering, total=False):
    """How items are listed; see `GET /v1/items`."""

    text: str
    sort: str
    page: int
    page_size: int


class ItemData(TypedDict, total=False):
    """All of an item but its id; without `photos` it keeps those that it has."""

    title: str
    category: str
    further_categories: Sequence[str]
    group_id: str | None
    attributes: Mapping[str, Value]
    photos: Sequence[Photo]


class NamedItemData(ItemData):
    """All of an item."""

    item_id: str


@dataclass(frozen=True)
class Asked(Generic[Answer]):
    """A request, and what its answer is.

    Attributes:
        method: of HTTP.
        path: below the server's root.
        answer: the document that answers it.
        query: fields of the address.
        form: fields beside the photos.
        photos: files that are sent.
        json: what is sent where no photos are.
    """

    method: str
    path: str
    answer: type[Answer]
    query: Mapping[str, Any] = field(default_factory=dict)
    form: Mapping[str, Any] = field(default_factory=dict)
    photos: Sequence[Photo] = ()
    json: object = None

    def options(self) -> dict[str, Any]:
        """Return the request as httpx takes it.

        Raises:
            OSError: a photo cannot be read.
        """
        told: dict[str, Any] = {"params": _plain(self.query)}
        if self.photos:
            told["files"] = [("photo", (_name(photo), _bytes(photo))) for photo in self.photos]
            told["data"] = _plain(self.form)
        if self.json is not None:
            told["json"] = self.json
        return told


def search(photo: Photo, asked: Searching) -> Asked[SearchAnswer]:
    """Search with a photo."""
    return Asked("POST", "/v1/search", SearchAnswer, form=dict(asked), photos=[photo])


def search_batch(photos: Sequence[Photo], asked: Searching) -> Asked[BatchAnswer]:
    """Search with several photos."""
    return Asked("POST", "/v1/search/batch", BatchAnswer, form=dict(asked), photos=photos)


def classify(photo: Photo, crop: Crop | None) -> Asked[Prediction]:
    """Ask what a photo shows."""
    return Asked("POST", "/v1/classify", Prediction, form=_crop(crop), photos=[photo])


def explain(photo: Photo, item_ids: Sequence[str], crop: Crop | None) -> Asked[ExplanationDocument]:
    """Ask why."""
    form = {"item_id": list(item_ids), **_crop(crop)}
    return Asked("POST", "/v1/explain", ExplanationDocument, form=form, photos=[photo])


def items(asked: Listing) -> Asked[ItemPage]:
    """List items."""
    return Asked("GET", "/v1/items", ItemPage, query=dict(asked))


def similar(item_id: str, asked: SimilarTo) -> Asked[SimilarAnswer]:
    """Ask for items like an item."""
    return Asked("GET", f"{item_path(item_id)}/similar", SimilarAnswer, query=dict(asked))


def categories(asked: Filtering) -> Asked[CategoryTree]:
    """Ask for the category tree."""
    return Asked("GET", "/v1/categories", CategoryTree, query=dict(asked))


def facets(fields: Sequence[str], asked: Filtering) -> Asked[FacetsDocument]:
    """Ask for counts by values."""
    return Asked("GET", "/v1/facets", FacetsDocument, query={"field": list(fields), **asked})


def put_item(item_id: str, item: ItemData) -> Asked[UpsertDocument]:
    """Add or change an item."""
    return Asked("PUT", item_path(item_id), UpsertDocument, json=_item(item))


def put_items(given: Sequence[NamedItemData]) -> Asked[UpsertDocument]:
    """Add or change several items."""
    told = {"items": [_item(item) for item in given]}
    return Asked("POST", "/v1/items", UpsertDocument, json=told)


def item_path(item_id: str) -> str:
    """Return the path of an item, whose id may hold anything."""
    return f"/v1/items/{quote(item_id, safe='')}"


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields as an address or a form has them."""
    told = {**fields, **_crop(fields.get("crop"))}
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in told.items()
        if value is not None
    }


def _crop(crop: Crop | str | None) -> dict[str, str]:
    if crop is None:
        return {}
    return {"crop": crop if isinstance(crop, str) else ",".join(str(part) for part in crop)}


def _item(item: ItemData) -> dict[str, object]:
    told: dict[str, object] = dict(item)
    if "photos" in item:
        told["photos"] = [base64.b64encode(_bytes(photo)).decode() for photo in item["photos"]]
    return told


def _name(photo: Photo) -> str:
    return photo.name if isinstance(photo, Path) else "photo"


def _bytes(photo: Photo) -> bytes:
    return photo.read_bytes() if isinstance(photo, Path) else photo
