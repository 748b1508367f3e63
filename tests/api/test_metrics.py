"""What the server tells of itself: request ids, the log, /metrics, /healthz and /readyz."""

import io
import json
import logging
import re
import sys
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from api import logs
from api.logs import JsonLines, TextLines, choose_request_id, request_id
from api.metrics import Metrics
from api.settings import ServerSettings
from indexer.shop import Shop
from tests.api.conftest import Serve
from tests.api.key_holder import bearer, make_key
from tests.indexer.tiny_shop import make_shop, painted


def values(client: TestClient, **headers: str) -> dict[str, float]:
    """Return what /metrics tells, by name and labels."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


class TestCounts:
    """`/metrics`."""

    def test_requests_are_counted_by_route_and_not_by_address(self, client: TestClient) -> None:
        for item in ("apple", "pear", "none"):
            client.get(f"/v1/items/{item}")
        client.get("/no/such/place")
        client.request("BREW", "/v1/items/apple")
        told = values(client)
        route = 'route="/v1/items/{item_id}"'
        assert told[f'vsearch_requests_total{{method="GET",{route},status="200"}}'] == 2
        assert told[f'vsearch_requests_total{{method="GET",{route},status="404"}}'] == 1
        assert told['vsearch_requests_total{method="GET",route="none",status="404"}'] == 1
        assert not any("such" in name or "BREW" in name for name in told)
        assert told[f"vsearch_request_seconds_count{{{route}}}"] == 4
        assert told["vsearch_requests_in_flight"] == 1  # this one

    def test_photos_are_counted_by_stage_and_by_whether_they_are_known(
        self, client: TestClient
    ) -> None:
        for seed in (1, 2, 3):
            assert client.post("/v1/search", files={"photo": painted(seed)}).status_code == 200
        client.post("/v1/classify", files={"photo": painted(1)})
        told = values(client)
        answered = [
            told.get(f'vsearch_answers_total{{unknown="{one}"}}', 0)
            for one in ("no", "yes", "untold")
        ]
        assert sum(answered) == 4
        assert told['vsearch_stage_seconds_count{stage="embed"}'] == 4
        assert told['vsearch_stage_seconds_count{stage="search"}'] >= 3
        assert told["vsearch_batch_photos_sum"] >= 4
        assert told["vsearch_queue_photos"] == 0

    def test_refusals_are_counted_by_reason(self, client: TestClient) -> None:
        client.post("/v1/search", files={"photo": b"no photo"})
        client.get("/v1/items/none")
        client.delete("/v1/items/none")
        told = values(client)
        for reason in ("not_an_image", "unknown-item", "unauthorized"):
            assert told[f'vsearch_refused_total{{reason="{reason}"}}'] == 1
        route = 'route="/v1/items/{item_id}"'  # known, though it was refused before it came there
        assert told[f'vsearch_requests_total{{method="DELETE",{route},status="401"}}'] == 1

    def test_the_shop_is_looked_up_when_it_is_asked_for(
        self, client: TestClient, shop: Shop
    ) -> None:
        told = values(client)
        assert told['vsearch_items{state="indexed"}'] == 5
        assert told["vsearch_ready"] == 1
        assert told['vsearch_takeovers_total{outcome="done"}'] == 1
        index = shop.current().index
        assert any(f'index="{index}"' in name for name in told)
        assert any(re.fullmatch(r'vsearch_build_info\{version="[\d.]+"\}', name) for name in told)
        shop.delete(["apple"])
        assert values(client)['vsearch_items{state="indexed"}'] == 4

    def test_a_shop_without_an_index_has_counts_too(self, serve: Serve, tmp_path: object) -> None:
        with make_shop(tmp_path, {}) as shop:  # type: ignore[arg-type]
            told = values(serve(shop.path))
        assert (told["vsearch_ready"], told['vsearch_items{state="waiting"}']) == (0, 0)

    def test_rate_limits_are_counted(self, shop: Shop, serve: Serve) -> None:
        client = serve(shop.path, address_rate=0.001, address_burst=1)
        admin = make_key(shop.path, "admin")
        codes = [client.get("/v1/categories").status_code for _ in range(3)]
        assert codes == [200, 429, 429]
        assert values(client, **bearer(admin))['vsearch_rate_limited_total{limit="address"}'] == 2

    def test_they_need_a_key_of_admin_where_others_can_ask(self, shop: Shop, serve: Serve) -> None:
        client = serve(shop.path, host="0.0.0.0", public_search=True)
        keys = {scope: bearer(make_key(shop.path, scope)) for scope in ("search", "admin")}
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers=keys["search"]).status_code == 403
        assert client.get("/metrics", headers=keys["admin"]).status_code == 200
        assert (
            serve(shop.path, host="0.0.0.0", public_metrics=True).get("/metrics").status_code == 200
        )

    def test_each_server_counts_for_itself(self) -> None:
        one, other = Metrics(), Metrics()
        one.refused("x")
        assert b"x" in one.text()
        assert (
            b"x"
            not in other.text().replace(b"exposition", b"").split(b"vsearch_refused_total{")[0][-1:]
        )


class TestHealth:
    """`/healthz` and `/readyz`."""

    def test_alive_and_ready_are_two_things(self, serve: Serve, tmp_path: object) -> None:
        with make_shop(tmp_path, {}) as shop:  # type: ignore[arg-type]
            client = serve(shop.path)
            assert client.get("/healthz").json() == {"status": "ok"}
            refused = client.get("/readyz")
            assert (refused.status_code, refused.json()["type"]) == (503, "/problems/not-built")
            assert refused.headers["retry-after"] == "30"

    def test_a_server_that_is_about_to_end_is_not_ready_and_answers(
        self, client: TestClient, shop: Shop
    ) -> None:
        ready = client.get("/readyz").json()
        assert (ready["status"], ready["index"]) == ("ready", shop.current().index)
        client.app.state.readiness.draining.set()  # type: ignore[attr-defined]
        refused = client.get("/readyz")
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/ending")
        assert client.get("/healthz").status_code == 200
        assert client.post("/v1/search", files={"photo": painted(1)}).status_code == 200


class TestRequestIds:
    """X-Request-ID."""

    def test_a_sane_one_is_kept_and_told(self, client: TestClient) -> None:
        answer = client.get("/v1/items/none", headers={"X-Request-ID": "checkout:42/a"})
        assert answer.headers["x-request-id"] == answer.json()["request_id"] == "checkout:42/a"

    @pytest.mark.parametrize("given", [None, "", "a b", "x" * 129, "a\nb", 'a"b', "é"])
    def test_another_one_is_replaced(self, given: str | None) -> None:
        made = choose_request_id(given)
        assert re.fullmatch(r"[0-9a-f]{16}", made)
        assert choose_request_id(given) != made

    def test_every_answer_has_one_of_its_own(self, client: TestClient) -> None:
        paths = ("/v1/categories", "/nothing", "/healthz", "/docs")
        known = [client.get(path).headers["x-request-id"] for path in paths]
        assert len(set(known)) == 4
        assert request_id.get() is None


class TestLog:
    """Lines of the log."""

    @pytest.fixture(autouse=True)
    def restored(self) -> Iterator[None]:
        """Put the loggers back as they were."""
        loggers = [logging.getLogger(name) for name in logs.LOGGERS]
        before = [(one, one.handlers, one.level, one.propagate) for one in loggers]
        yield
        for one, handlers, level, propagate in before:
            one.handlers, one.propagate = handlers, propagate
            one.setLevel(level)

    def lines(self, shop: Shop, form: str, level: str = "info") -> io.StringIO:
        stream = io.StringIO()
        settings = ServerSettings(shop=shop.path, log_format=form, log_level=level)  # type: ignore[arg-type]
        logs.configure(settings, stream)
        return stream

    def test_json_lines_tell_all_of_a_search(self, client: TestClient, shop: Shop) -> None:
        stream = self.lines(shop, "json")
        photo = painted(1)
        headers = {"X-Request-ID": "r1", "X-API-Key": make_key(shop.path, "search")}
        client.post("/v1/search?secret=hat", files={"photo": photo}, headers=headers)
        client.get("/healthz")
        (line,) = map(json.loads, stream.getvalue().splitlines())
        assert line["request_id"] == "r1"
        assert (line["logger"], line["level"]) == ("api.access", "info")
        assert (line["method"], line["path"], line["status"]) == ("POST", "/v1/search", 200)
        assert line["received"] > len(photo)
        assert line["sent"] > 100
        assert line["key"] == headers["X-API-Key"].split("_")[1]
        assert line["client"] == "testclient"
        assert {"decode", "embed", "search"} <= set(line["stages"])
        assert line["photos"] == 1
        assert "secret" not in stream.getvalue()
        assert photo[:20].hex() not in stream.getvalue().encode("utf-8", "replace").hex()

    def test_a_failure_has_its_traceback_and_the_same_id(
        self, client: TestClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> None:
            raise RuntimeError("a bug of ours")

        monkeypatch.setattr("indexer.catalogue.Catalogue.get", broken)
        stream = self.lines(shop, "json")
        answer = client.get("/v1/items/apple")
        failed, told = map(json.loads, stream.getvalue().splitlines())
        assert "a bug of ours" in failed["exception"]
        assert failed["request_id"] == told["request_id"] == answer.headers["x-request-id"]
        assert told["refused"] == "internal-server-error"

    def test_text_lines_are_one_line_each(self, client: TestClient, shop: Shop) -> None:
        stream = self.lines(shop, "text", "debug")
        client.get("/v1/items/a%0aINFO:%20forged", headers={"X-Request-ID": "r2"})
        client.get("/healthz")
        first, second = stream.getvalue().splitlines()
        assert re.fullmatch(
            r"INFO:     GET /v1/items/a\\nINFO: forged 404 in [\d.]+ ms \[r2\]", first
        )
        assert second.startswith("DEBUG:    GET /healthz 200")

    def test_an_exception_is_shown_in_either_form(self) -> None:
        try:
            raise ValueError("wrong")
        except ValueError:
            record = logging.LogRecord("api", 40, "", 1, "it %s", ("failed",), sys.exc_info())
        assert TextLines().format(record).startswith("ERROR:    it failed\nTraceback")
        assert "ValueError: wrong" in json.loads(JsonLines().format(record))["exception"]

    def test_other_libraries_stay_quiet(self, shop: Shop) -> None:
        stream = self.lines(shop, "text", "warning")
        logging.getLogger("api.live").info("not important")
        logging.getLogger("uvicorn.error").warning("port taken")
        self.lines(shop, "text")
        logging.getLogger("api").error("told elsewhere by now")
        assert stream.getvalue() == "WARNING:  port taken\n"
