"""The HTTP API of one shop, assembled."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.formparsers import MultiPartParser

from api import problems
from api.limits import BodyLimit, SafeHeaders
from api.live import LivePair
from api.loading import LoadNetwork, load_warm
from api.rebuilding import Rebuilder
from api.routes import categories, health, items, photos, search, writing
from api.settings import ServerSettings
from api.thumbnails import Thumbnails
from indexer.shop import Shop

FORM_BYTES = 64 * 1024  # a request may have beside the photo: the form's fields and boundaries

DESCRIPTION = """\
Search a shop by photo. Every error is a problem detail (RFC 9457, `application/problem+json`).

    curl -F photo=@photo.jpg -F top_k=5 http://127.0.0.1:8000/v1/search
"""


def create_app(settings: ServerSettings, load_network: LoadNetwork = load_warm) -> FastAPI:
    """Make the application that serves one shop.

    Args:
        settings: which shop, and the limits.
        load_network: loads the model that is published.

    Raises:
        ShopError: there is no such shop.
    """
    shop = Shop.open(settings.shop)
    live = LivePair(shop, load_network)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = settings.threads
        rebuilder = Rebuilder(shop.path)
        with shop:
            look = rebuilder.look if settings.rebuild else None
            try:
                async with live.watched(settings.poll_seconds, look):
                    yield
            finally:
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
    app.state.pictures = Thumbnails(shop)
    for group in (search, items, categories, photos, writing, health):
        app.include_router(group.router)
    problems.install(app)
    _add_docs(app)
    max_bytes = settings.max_bytes or shop.settings.max_bytes
    app.add_middleware(BodyLimit, max_bytes=max_bytes + FORM_BYTES)
    app.add_middleware(SafeHeaders)
    # A photo within the limit stays in memory: shoppers' photos are never written to a disk.
    MultiPartParser.spool_max_size = max_bytes + FORM_BYTES
    return app


def _add_docs(app: FastAPI) -> None:
    """Serve the documentation from the installed package: FastAPI's own page needs the internet."""
    assets = StaticFiles(packages=[("fastapi_swagger", "resources")])
    app.mount("/docs/assets", assets, name="docs-assets")

    @app.get("/docs", include_in_schema=False)
    def docs(request: Request) -> HTMLResponse:
        root_path = request.scope.get("root_path", "")
        return get_swagger_ui_html(
            openapi_url=f"{root_path}{app.openapi_url}",
            title=app.title,
            swagger_js_url=f"{root_path}/docs/assets/swagger-ui-bundle.js",
            swagger_css_url=f"{root_path}/docs/assets/swagger-ui.css",
            swagger_favicon_url=f"{root_path}/docs/assets/favicon-32x32.png",
            swagger_ui_parameters={"tryItOutEnabled": True, "displayRequestDuration": True},
        )
