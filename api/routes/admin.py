"""`/v1/admin/…`: what the staff of a shop sees and decides; all of it needs an admin's key."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import staff
from api.access import needs
from api.pages import page_count
from api.problems import Kind, ProblemError
from api.routes.context import Documents, Live, OpenShop, problems
from api.routes.photos import ContentHash
from api.schemas.admin import (
    ChecksDocument,
    DecisionAsked,
    NewLabelsDocument,
    Questions,
    RollbackAsked,
    StaffModels,
    StaffRejects,
    StaffStatus,
    StaffVersions,
)
from indexer.open_questions import asked_photo, decide, open_questions
from indexer.versions import rollback
from vsearch.errors import ShopError
from vsearch.images import ImageError, read_photo, thumbnail

_SIDE = 768  # pixels of a photo that is asked about
# The report has scripts and styles within it: it is shown apart, as if from nowhere.
_REPORT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "sandbox allow-scripts"
)

router = APIRouter(prefix="/v1/admin", tags=["staff"], dependencies=[needs("admin")])

Page = Annotated[int, Query(ge=1, le=100_000, description="Which page, from 1 on.")]


@router.get("/status", operation_id="get_status")
def status(shop: OpenShop, live: Live) -> StaffStatus:
    """Return what the shop holds, what serves, and what waits for a person."""
    return staff.status(shop, live.searcher() if shop.current().index else None)


@router.get("/checks", operation_id="run_checks")
def checks(shop: OpenShop) -> ChecksDocument:
    """Check whether all that the shop serves from is complete and sound; takes a while."""
    return staff.checks(shop)


@router.get("/versions", operation_id="list_versions")
def versions(shop: OpenShop) -> StaffVersions:
    """Return the index versions, the newest first."""
    return staff.versions(shop)


@router.post(
    "/rollback",
    operation_id="roll_back",
    responses=problems(_409="It cannot serve, or a build is running.", _422="A field is wrong."),
)
def roll_back(asked: RollbackAsked, shop: OpenShop) -> StaffVersions:
    """Let an older version serve again, with its model; the server takes it over in a moment."""
    try:
        rollback(shop, asked.version)
    except ShopError as error:
        raise ProblemError(409, Kind.CONFLICT, str(error)) from error
    return staff.versions(shop)


@router.get("/models", operation_id="list_models")
def models(shop: OpenShop) -> StaffModels:
    """Return the trained models, the newest first."""
    return staff.models(shop)


@router.get("/new-labels", operation_id="list_new_labels")
def labels_to_add(shop: OpenShop, live: Live) -> NewLabelsDocument:
    """Return the labels that the catalogue has and the model lacks: `vsearch extend` adds them."""
    return staff.labels_to_add(shop, live.searcher().embedder.bundle)


@router.get("/rejects", operation_id="list_rejects")
def rejects(shop: OpenShop, limit: Annotated[int, Query(ge=1, le=10_000)] = 200) -> StaffRejects:
    """Return what was not taken in, with reasons."""
    return staff.rejects(shop, limit)


@router.get("/questions", operation_id="list_questions")
def questions(
    shop: OpenShop,
    documents: Documents,
    page: Page = 1,
    page_size: Annotated[int, Query(ge=1, le=100)] = 12,
) -> Questions:
    """Return what the last audit found and nobody has decided yet."""
    found = open_questions(shop)
    start = (page - 1) * page_size
    return Questions(
        questions=staff.questions(shop, documents, found[start : start + page_size]),
        total=len(found),
        page=page,
        pages=page_count(len(found), page_size),
    )


@router.post(
    "/questions",
    operation_id="answer_question",
    responses=problems(
        _409="The question is not open, or this cannot be.", _422="A field is wrong."
    ),
)
def answer(asked: DecisionAsked, shop: OpenShop) -> StaffStatus:
    """Take a person's decision; the next build indexes what it changes."""
    try:
        decide(shop, asked.content_hash, asked.item_id, asked.verdict, asked.new_label)
    except ShopError as error:
        raise ProblemError(409, Kind.CONFLICT, str(error)) from error
    return staff.status(shop, None)


@router.get(
    "/questions/{content_hash}/photo",
    operation_id="get_question_photo",
    response_class=Response,
    responses={
        200: {"description": "The photo.", "content": {"image/jpeg": {}}},
        **problems(_404="No question is open about this photo.", _422="No content hash."),
    },
)
def photo(content_hash: ContentHash, shop: OpenShop) -> Response:
    """Return a photo that a question is open about, for those who decide it alone."""
    path = asked_photo(shop, content_hash)
    told = "No question is open about this photo, or its file cannot be read."
    if path is None:
        raise ProblemError(404, Kind.NO_PHOTO, told)
    try:
        data = read_photo(path, max_bytes=shop.settings.max_bytes)
        small = thumbnail(data, _SIDE, max_pixels=shop.settings.max_pixels)
    except ImageError as error:
        raise ProblemError(404, Kind.NO_PHOTO, told) from error
    return Response(small, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


@router.get(
    "/report",
    operation_id="get_report",
    response_class=Response,
    responses={
        200: {"description": "The page.", "content": {"text/html": {}}},
        **problems(_404="The model that serves has no report: run `vsearch evaluate --report`."),
    },
)
def report(shop: OpenShop) -> Response:
    """Return the newest evaluation report of the model that serves."""
    file = staff.report(shop)
    if file is None:
        told = "The model that serves has no report: run `vsearch evaluate … --report FILE.html`."
        raise ProblemError(404, Kind.NO_REPORT, told)
    headers = {"Content-Security-Policy": _REPORT_POLICY, "Cache-Control": "no-store"}
    return Response(file.read_bytes(), media_type="text/html; charset=utf-8", headers=headers)
