"""`GET /healthz` and `/readyz` for balancers, and `GET /` for people who open the address."""

from fastapi import APIRouter, Request

from api.readiness import Readiness
from api.routes.context import problems
from api.schemas import Alive, Ready

router = APIRouter(tags=["server"])


@router.get("/healthz", operation_id="get_health")
async def alive() -> Alive:
    """Say that the server is alive; whether it can search, /readyz says."""
    return Alive(status="ok")


@router.get(
    "/readyz",
    operation_id="get_readiness",
    responses=problems(_503="Nothing can be searched yet, or any more."),
)
async def ready(request: Request) -> Ready:
    """Say that the shop can be searched, and with which model and index."""
    readiness: Readiness = request.app.state.readiness
    pair = readiness.pair()
    return Ready(status="ready", model=pair.model, index=pair.searcher.version.name)
