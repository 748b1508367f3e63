"""Routes that are called without FastAPI's way to them answer as they do by it."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from PIL import Image

from api.access import needs
from api.app import GROUPS, create_app
from api.direct import Direct, DirectRoute
from api.problems import Kind, ProblemError
from api.settings import ServerSettings
from indexer.shop import Shop
from tests.indexer.switching_shop import load, make_switching_shop

DIRECT = {"/v1/search", "/v1/search/batch", "/v1/classify", "/v1/explain"}
VARY = {"timings", "request_id"}


def photo(colour: str) -> bytes:
    """Return a PNG of one colour."""
    data = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with make_switching_shop(tmp_path) as made:
        yield made


def client_of(shop: Shop, *, public: bool = True) -> TestClient:
    """Return a client of the whole application."""
    settings = ServerSettings(shop=shop.path, rebuild=False, public_search=public)
    return TestClient(create_app(settings, load))


def test_those_that_take_nothing_but_the_request_are() -> None:
    async def app(*_: object) -> None: ...

    found = Direct(app, [group.router for group in GROUPS]).routes
    assert {(method, path) for method, path in found} == {("POST", path) for path in DIRECT}
    assert all(one.needs for one in found.values())


def asked(client: TestClient, path: str) -> list[tuple[int, str, Any]]:
    """Return what a route answers: rightly asked, and wrongly in some ways."""
    extra = {"item_id": "green"} if path == "/v1/explain" else {}
    sent: list[dict[str, Any]] = [
        {"files": {"photo": photo("blue")}, "data": extra},
        {"files": {"photo": b"no photo"}, "data": extra},
        {"files": {"photo": photo("blue")}, "data": {**extra, "crop": "a quarter"}},
        {"files": {"photo": photo("blue")}, "data": {**extra, "category": "Nowhere"}},
        {"data": extra},
        {"content": b"text", "headers": {"content-type": "text/plain"}},
    ]
    told = []
    for one in sent:
        answer = client.post(path, **one)
        body = {name: value for name, value in answer.json().items() if name not in VARY}
        for result in body.get("results", ()):
            (result["answer"] or {}).pop("timings", None)
        told.append((answer.status_code, answer.headers["content-type"], body))
    return told


@pytest.mark.parametrize("path", sorted(DIRECT))
def test_the_answers_are_those_of_fastapi(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    with client_of(shop) as client:
        direct = asked(client, path)
    monkeypatch.setattr(DirectRoute, "of", lambda _: None)
    with client_of(shop) as client:
        assert asked(client, path) == direct
    statuses = [status for status, *_ in direct]
    assert statuses[0] == (200 if path != "/v1/explain" else 404)
    assert {415, 422} <= set(statuses)


@pytest.mark.parametrize("path", sorted(DIRECT))
def test_a_key_is_asked_for_though_the_gate_let_it_pass(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("api.gate.Gate._needs", lambda *_: ())
    with client_of(shop, public=False) as client:
        assert client.post(path, files={"photo": photo("blue")}).status_code == 401


def test_a_failure_of_ours_is_answered_and_logged(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("api.routes.context.Context.of", fails)
    with client_of(shop) as client:
        answer = client.post("/v1/classify", files={"photo": photo("blue")})
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert "a secret" in caplog.text


class TestWhichRoutes:
    """What makes a route one that is called directly."""

    @staticmethod
    def only(router: APIRouter) -> DirectRoute | None:
        (route,) = router.routes
        assert isinstance(route, APIRoute)
        return DirectRoute.of(route)

    def test_one_that_takes_the_request(self) -> None:
        router = APIRouter(dependencies=[needs("write")])

        @router.post("/x")
        async def x(request: Request) -> Response:
            raise ProblemError(418, Kind.BUSY, "never called")

        assert self.only(router)

    @pytest.mark.parametrize("number", range(4))
    def test_any_other_is_left_to_fastapi(self, number: int) -> None:
        async def path(request: Request) -> Response:
            return Response(request.path_params["y"])

        async def field(request: Request, y: int) -> Response:
            return Response(f"{request.method} {y}")

        def plain(request: Request) -> Response:
            return Response(request.method)

        async def answer(request: Request) -> dict[str, str]:
            return {"method": request.method}

        router = APIRouter()
        router.post("/x/{y}" if number == 0 else "/x")((path, field, plain, answer)[number])
        assert self.only(router) is None

    def test_one_with_a_dependency_that_asks_for_no_key_is_too(self) -> None:
        router = APIRouter(dependencies=[Depends(lambda: None)])

        @router.post("/x")
        async def x(request: Request) -> Response:
            return Response(request.method)

        assert self.only(router) is None
