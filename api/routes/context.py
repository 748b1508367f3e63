"""What routes need of the running server."""

from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request

from api.live import LivePair
from api.schemas import PhotoUrl, ProblemDocument
from api.settings import ServerSettings
from indexer.shop import Shop


def _shop(request: Request) -> Shop:
    shop: Shop = request.app.state.shop
    return shop


def _live(request: Request) -> LivePair:
    live: LivePair = request.app.state.live
    return live


def _settings(request: Request) -> ServerSettings:
    settings: ServerSettings = request.app.state.settings
    return settings


def _photo_url(request: Request) -> PhotoUrl:
    root_path = request.scope.get("root_path", "")
    return lambda item_id: f"{root_path}/v1/items/{quote(item_id, safe='')}/photo"


OpenShop = Annotated[Shop, Depends(_shop)]
Live = Annotated[LivePair, Depends(_live)]
Settings = Annotated[ServerSettings, Depends(_settings)]
PhotoUrls = Annotated[PhotoUrl, Depends(_photo_url)]


def problems(**told: str) -> dict[int | str, dict[str, object]]:
    """Describe the problems of a route for its documentation, such as `_404="no such item"`."""
    return {
        int(status.removeprefix("_")): {
            "description": description,
            "model": ProblemDocument,
            "content": {"application/problem+json": {}},
        }
        for status, description in told.items()
    }
