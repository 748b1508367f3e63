"""`POST /v1/search`, `/v1/search/batch`, `/v1/classify` and `/v1/explain`: asked with a photo.

The photo is read, decoded and forgotten within the request; nothing of it is written down. What
follows the network is done in one thread, the document's JSON included: the event loop only waits.
"""

import asyncio
from functools import partial

from fastapi import APIRouter, Request, Response

from api.access import charge, needs
from api.filtered import Filtered
from api.pair import Pair
from api.plain_questions import Classification, PlainSearch
from api.request_log import observe
from api.routes.context import Context, problems
from api.routes.reading import Body
from api.schemas.answers import BatchAnswer, Prediction, SearchAnswer
from api.schemas.asking import (
    ClassifySent,
    ExplainAsked,
    ExplainSent,
    PhotoAsked,
    SearchAsked,
    SearchSent,
)
from api.schemas.explanations import ExplanationDocument
from api.searching import Answering, Outcome
from api.waiting import while_waited_for
from vsearch.errors import VsearchError
from vsearch.images import Crop

router = APIRouter(
    prefix="/v1",
    tags=["photo search"],
    dependencies=[needs("search")],
    responses=problems(
        _400="The form is broken.",
        _413="The photo has too many bytes.",
        _415="The file is no image, or of a format that is not supported; or the body is no form.",
        _422="The photo cannot be used, or a field is wrong.",
        _503="The shop has no model and index yet, or the server has as much to do as it can.",
    ),
)
INDEX_CHANGED = problems(_409="Another index version serves than the one that is asked for.")

SEARCHED = {"top_k": 5, "category": ["Fruit"], "where": "price < 5", "facets": ["country"]}
SEARCH = Body(SearchAsked, SearchSent, SEARCHED)
BATCH = Body(SearchAsked, None, {"top_k": 1}, several=True)
CLASSIFY = Body(PhotoAsked, ClassifySent, {"crop": "0.1,0.2,0.5,0.5"})
EXPLAIN = Body(ExplainAsked, ExplainSent, {"item_id": ["Granny-Smith"]})


@router.post(
    "/search",
    operation_id="search",
    response_model=SearchAnswer,
    responses=INDEX_CHANGED,
    openapi_extra=SEARCH.openapi(),
)
async def search(request: Request) -> Response:
    """Find the items that look like a photo, and say what the photo shows."""
    here = Context.of(request)
    read, answers = await SEARCH.read(request, here.max_bytes), here.answers
    (_, data), crop = read.photos[0], _crop(read.asked)

    async def answer(pair: Pair) -> Response:
        filtered = await _filtered(pair, answers, read.asked)
        return _json(await _searched(pair, answers, read.asked, filtered, data, crop))

    with answers.explanations.hold(int(read.asked.explain)), here.live.hold() as pair:
        return await while_waited_for(request, answer(pair))


@router.post(
    "/search/batch",
    operation_id="search_batch",
    response_model=BatchAnswer,
    responses=INDEX_CHANGED,
    openapi_extra=BATCH.openapi(),
)
async def batch(request: Request) -> Response:
    """Search with several photos at once; one that cannot be used does not stop the others."""
    here = Context.of(request)
    read = await BATCH.read(request, here.max_bytes, here.settings.max_batch)
    answers = here.answers
    charge(request, len(read.photos) - 1)
    crop = _crop(read.asked)

    async def answer(pair: Pair) -> Response:
        filtered = await _filtered(pair, answers, read.asked)

        async def one(data: bytes) -> Outcome:
            try:
                return await _searched(pair, answers, read.asked, filtered, data, crop)
            except VsearchError as error:
                return error

        found = await asyncio.gather(*(one(data) for _, data in read.photos))
        names = [name for name, _ in read.photos]
        return _json(await pair.run(answers.together, pair.searcher, names, found))

    explained = len(read.photos) * read.asked.explain
    with answers.explanations.hold(explained), here.live.hold(len(read.photos)) as pair:
        return await while_waited_for(request, answer(pair))


@router.post(
    "/classify",
    operation_id="classify",
    response_model=Prediction,
    openapi_extra=CLASSIFY.openapi(),
)
async def classify(request: Request) -> Response:
    """Say what a photo shows: labels, and categories of every level, with probabilities."""
    here = Context.of(request)
    read = await CLASSIFY.read(request, here.max_bytes)
    (_, data), crop = read.photos[0], _crop(read.asked)

    async def answer(pair: Pair) -> Response:
        question = Classification(partial(observe, request))
        return _json(await pair.ask(data, question, crop=crop))

    with here.live.hold() as pair:
        return await while_waited_for(request, answer(pair))


@router.post(
    "/explain",
    operation_id="explain",
    response_model=ExplanationDocument,
    responses=problems(_404="There is no such item."),
    openapi_extra=EXPLAIN.openapi(),
)
async def explain(request: Request) -> Response:
    """Say why a photo was given its labels, and what it has in common with items."""
    here = Context.of(request)
    read, answers = await EXPLAIN.read(request, here.max_bytes), here.answers
    (_, data), crop = read.photos[0], _crop(read.asked)

    async def answer(pair: Pair) -> Response:
        run = answers.explanations.run
        return _json(await run(answers.explain, pair.searcher, data, crop, read.asked))

    with answers.explanations.hold(1), here.live.hold() as pair:
        return await while_waited_for(request, answer(pair))


async def _searched(
    pair: Pair,
    answers: Answering,
    asked: SearchAsked,
    filtered: Filtered,
    data: bytes,
    crop: Crop | None,
) -> str:
    """Return a `SearchAnswer` as JSON."""
    if PlainSearch.fits(asked):
        return await pair.ask(data, PlainSearch(answers, asked), crop=crop)
    seen = await pair.see(data, crop=crop)
    run = answers.explanations.run if asked.explain else pair.run
    return await run(answers.search, pair.searcher, seen, asked, filtered)


async def _filtered(pair: Pair, answers: Answering, asked: SearchAsked) -> Filtered:
    """Understand what is asked; in a thread only where the catalogue is looked at."""
    if not asked.category and not asked.where:
        return answers.check(pair.searcher, asked)
    return await pair.run(answers.check, pair.searcher, asked)


def _crop(asked: PhotoAsked) -> Crop | None:
    return Crop.parse(asked.crop) if asked.crop else None


def _json(text: str) -> Response:
    return Response(text, media_type="application/json")
