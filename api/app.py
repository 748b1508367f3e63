"""The HTTP API of one shop, assembled."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio.to_thread
from fastapi import FastAPI
from starlette.formparsers import MultiPartParser
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Scope
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api import docs, openapi, problems
from api.access import RateLimits
from api.direct import Direct
from api.ending import announced
from api.explaining import Explanations
from api.gate import Gate, Guarded
from api.item_path import ItemPaths
from api.key_ring import KeyRing
from api.limits import FORM_BYTES, BodyLimit, Deadline, Failures, body_limit
from api.live import Limits, LivePair
from api.loading import LoadNetwork, load_warm
from api.methods import Methods
from api.metrics import Metrics, forget_dead_workers
from api.metrics_listener import MetricsListener
from api.readiness import Readiness
from api.rebuilding import Rebuilder
from api.request_log import RequestLog
from api.routes import admin, categories, health, items, metrics, page, photos, search, writing
from api.routes import shop as shop_routes
from api.safe_headers import SafeHeaders
from api.settings import ServerSettings
from api.shop_metrics import ShopMetrics
from api.thumbnails import Thumbnails
from indexer.search import Searcher
from indexer.shop import Shop

NOTE_SECONDS = 60.0  # between two notes of when keys were last used
EXPOSED = ("X-Request-ID", "Retry-After", "RateLimit", "RateLimit-Policy", "ETag")
GROUPS = (search, items, writing, categories, photos, shop_routes, admin, health, metrics, page)

DESCRIPTION = """\
Search a shop by photo. Every error is a problem detail (RFC 9457, `application/problem+json`).

    curl -F photo=@photo.jpg -F top_k=5 http://127.0.0.1:8000/v1/search

A key goes into `Authorization: Bearer KEY` or `X-API-Key: KEY`.
"""


def create_app(
    settings: ServerSettings, load_network: LoadNetwork = load_warm, shared: Path | None = None
) -> FastAPI:
    """Make the application that serves one shop.

    Args:
        settings: which shop, and the limits.
        load_network: loads the model that is published.
        shared: a folder in which several processes keep what they count together.

    Raises:
        ShopError: there is no such shop.
    """
    shop = Shop.open(settings.shop)
    listener = MetricsListener()
    live = LivePair(shop, load_network, live_limits(settings), listener)
    counted = Metrics(ShopMetrics(shop, live))
    listener.counts, listener.waiting = counted, lambda: live.waiting
    ring = KeyRing(shop.path)
    explanations = Explanations(shop)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = settings.threads
        forget_dead_workers()
        rebuilder = Rebuilder(shop.path)
        draining: threading.Event = app.state.readiness.draining
        with shop, announced(draining, settings.drain_seconds):

            def look(searcher: Searcher) -> None:
                explanations.keep(searcher)
                if settings.rebuild:
                    rebuilder.look(searcher)

            try:
                async with live.watched(settings.poll_seconds, look), _uses_noted(ring):
                    yield
            finally:
                explanations.stop()
                rebuilder.stop()

    app = FastAPI(
        title=f"{shop.settings.name}: search by photo",
        description=DESCRIPTION,
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.shop, app.state.live, app.state.settings = shop, live, settings
    app.state.pictures, app.state.explanations = Thumbnails(shop), explanations
    app.state.metrics, app.state.rate_limits = counted, RateLimits.of(settings, shared)
    app.state.readiness = Readiness(live, threading.Event())
    for group in GROUPS:
        app.include_router(group.router)
    problems.install(app)
    docs.install(app)
    page.install(app)
    openapi.install(app, (group.router for group in GROUPS))
    _add_middleware(app, ring)
    return app


def live_limits(settings: ServerSettings) -> Limits:
    """Return how much is done at once, as the settings say.

    Where passes go side by side, as many batches at once keep them doing so.
    """
    from vsearch.buckets import passes_at_once  # noqa: PLC0415  JAX takes seconds to import

    return Limits(
        photos=settings.max_photos,
        decoders=settings.decoders,
        searchers=settings.searchers,
        gather_seconds=settings.gather_ms / 1000,
        batching=settings.batching,
        batches=passes_at_once(),
    )


def _add_middleware(app: FastAPI, ring: KeyRing) -> None:
    """Put the layers around the routes, the innermost first."""
    settings: ServerSettings = app.state.settings
    most = settings.max_bytes or app.state.shop.settings.max_bytes
    batch = settings.max_batch_bytes or 4 * most

    def max_bytes(scope: Scope) -> int:
        return body_limit(scope, most, batch)

    app.add_middleware(Direct, routers=[group.router for group in GROUPS])
    app.add_middleware(Failures)
    app.add_middleware(BodyLimit, max_bytes=max_bytes, seconds=settings.body_seconds)
    app.add_middleware(
        Gate,
        settings=settings,
        ring=ring,
        limits=app.state.rate_limits,
        guarded=Guarded.of(group.router for group in GROUPS),
        metrics=app.state.metrics,
    )
    app.add_middleware(Deadline, seconds=settings.request_seconds)
    app.add_middleware(Methods, routers=[group.router for group in GROUPS])
    app.add_middleware(ItemPaths)
    if settings.cors_origins:
        # Before the gate: a browser asks without a key whether it may send one.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST", "PUT", "DELETE"),
            allow_headers=("Authorization", "X-API-Key", "X-Request-ID", "Content-Type"),
            expose_headers=EXPOSED,
            max_age=3600,
        )
    app.add_middleware(SafeHeaders)
    app.add_middleware(RequestLog, metrics=app.state.metrics)
    if settings.trusted_proxies:
        trusted = list(settings.trusted_proxies)
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=trusted)
    # What passes stays in memory: shoppers' photos are never written to a disk.
    MultiPartParser.spool_max_size = max(most, batch) + FORM_BYTES


@asynccontextmanager
async def _uses_noted(ring: KeyRing) -> AsyncIterator[None]:
    """Note every now and then, and at the end, when keys were last used."""

    async def note() -> None:
        while True:
            await asyncio.sleep(NOTE_SECONDS)
            await asyncio.to_thread(ring.note_uses)

    task = asyncio.create_task(note())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await asyncio.to_thread(ring.note_uses)
