"""`GET /healthz` for load balancers, and `GET /` for people who open the address in a browser."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse

from api.routes.context import Live, OpenShop, problems
from api.schemas import Health

router = APIRouter(tags=["server"])


@router.get("/healthz", responses=problems(_503="The shop has no model and index yet."))
def health(live: Live, shop: OpenShop) -> Health:
    """Say that the shop can be searched, and with which model and index."""
    searcher = live.searcher()
    return Health(
        status="ok",
        shop=shop.settings.name,
        model=searcher.embedder.model_fingerprint,
        index=searcher.version.name,
        items=searcher.version.manifest.items,
    )


@router.get("/", include_in_schema=False)
def root(request: Request) -> RedirectResponse:
    """Lead a browser to the documentation."""
    return RedirectResponse(request.scope.get("root_path", "") + "/docs")
