"""`POST /v1/search` and `POST /v1/classify`: questions asked with a photo.

The photo is read, decoded and forgotten within the request; nothing of it is written down.
"""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, File, Form, Request, UploadFile

from api.pair import Pair
from api.problems import Kind, ProblemError
from api.routes.context import Documents, Live, OpenShop, Settings, problems
from api.schemas import Prediction, SearchAnswer
from api.settings import ServerSettings
from api.waiting import while_waited_for
from indexer.grouping import Group
from indexer.search import Restrict
from indexer.shop import Shop
from vsearch.images import Crop
from vsearch.taxonomy import CategoryPath

router = APIRouter(
    prefix="/v1",
    tags=["photo search"],
    responses=problems(
        _413="The photo has too many bytes.",
        _415="The file is no image, or of a format that is not supported.",
        _422="The photo cannot be used, or a field is wrong.",
        _503="The shop has no model and index yet.",
    ),
)

Photo = Annotated[UploadFile, File(description="The photo: JPEG, PNG, WebP, GIF, BMP or TIFF.")]
CropField = Annotated[
    str | None,
    Form(
        description="Use only this part of the photo: x,y,width,height as fractions of it, 0 to 1.",
        examples=["0.1,0.2,0.5,0.5"],
    ),
]


@router.post("/search")
async def search(
    request: Request,
    photo: Photo,
    shop: OpenShop,
    live: Live,
    settings: Settings,
    documents: Documents,
    top_k: Annotated[int, Form(ge=1, description="How many items to return.")] = 10,
    category: Annotated[
        list[str] | None,
        Form(
            description="Only items within this category; repeat it for several. A whole path or, "
            "where it is unique, a name alone.",
            examples=[["Fruit > Apple"]],
        ),
    ] = None,
    restrict: Annotated[
        Restrict,
        Form(
            description="“auto” looks within the categories that the photo is likely to show, "
            "where they are clear."
        ),
    ] = "off",
    crop: CropField = None,
) -> SearchAnswer:
    """Find the items that look like a photo, and say what the photo shows."""
    if top_k > settings.max_top_k:
        told = f"top_k is {top_k}; this server returns at most {settings.max_top_k} items."
        raise ProblemError(422, Kind.INVALID_REQUEST, told)
    data, part = _bytes(photo, shop, settings), _crop(crop)

    async def answer(pair: Pair) -> SearchAnswer:
        within = await pair.run(_within, shop, category or ())
        seen = await pair.see(data, crop=part)
        result = await pair.search(seen, top_k=top_k, categories=within, restrict=restrict)
        hits = await pair.run(documents.hits, [Group(hit) for hit in result.hits])
        return SearchAnswer.of_search(result, hits)

    with live.hold() as pair:
        return await while_waited_for(request, answer(pair))


@router.post("/classify")
async def classify(
    request: Request,
    photo: Photo,
    shop: OpenShop,
    live: Live,
    settings: Settings,
    crop: CropField = None,
) -> Prediction:
    """Say what a photo shows: labels, and categories of every level, with probabilities."""
    data, part = _bytes(photo, shop, settings), _crop(crop)

    async def answer(pair: Pair) -> Prediction:
        return Prediction.of(await pair.classify(await pair.see(data, crop=part)))

    with live.hold() as pair:
        return await while_waited_for(request, answer(pair))


def _bytes(photo: UploadFile, shop: Shop, settings: ServerSettings) -> bytes:
    """Return the photo; the limit on the body is wider, as it holds the form's fields too."""
    limit = settings.max_bytes or shop.settings.max_bytes
    if photo.size is not None and photo.size > limit:
        told = (
            f"The photo has {photo.size:,} bytes; at most {limit:,} are taken: send a smaller one."
        )
        raise ProblemError(413, Kind.TOO_LARGE, told)
    return photo.file.read()


def _within(shop: Shop, names: Sequence[str]) -> list[CategoryPath]:
    if not names:
        return []  # the tree is not needed, and reading it costs more than the search
    taxonomy = shop.taxonomy()
    return [taxonomy.find(name) for name in names]


def _crop(text: str | None) -> Crop | None:
    return Crop.parse(text) if text else None
