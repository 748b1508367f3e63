"""What routes need of the running server."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import Depends, Request

from api.live import LivePair
from api.request_log import observe
from api.schemas import ProblemDocument
from api.searching import Answering
from api.settings import ServerSettings
from api.shown import Shown
from api.thumbnails import Thumbnails
from indexer.shop import Shop


# Coroutines, though nothing is waited for: FastAPI would call each function in a thread of its own,
# which took half of the event loop's time for a search.
async def _shop(request: Request) -> Shop:
    shop: Shop = request.app.state.shop
    return shop


async def _live(request: Request) -> LivePair:
    live: LivePair = request.app.state.live
    return live


async def _settings(request: Request) -> ServerSettings:
    settings: ServerSettings = request.app.state.settings
    return settings


async def _shown(request: Request) -> Shown:
    return Shown(request.app.state.shop, request.scope.get("root_path", ""))


async def _pictures(request: Request) -> Thumbnails:
    pictures: Thumbnails = request.app.state.pictures
    return pictures


@dataclass(frozen=True)
class Context:
    """What the routes that are asked most need, looked up by themselves.

    What FastAPI does for five dependencies took a tenth of what a search costs the event loop.
    """

    shop: Shop
    live: LivePair
    settings: ServerSettings
    answers: Answering

    @classmethod
    def of(cls, request: Request) -> "Context":
        """Return what a request's server has."""
        state, root_path = request.app.state, request.scope.get("root_path", "")
        answers = Answering(
            Shown(state.shop, root_path),
            state.explanations,
            state.settings.max_top_k,
            root_path,
            partial(observe, request),
        )
        return cls(state.shop, state.live, state.settings, answers)

    @property
    def max_bytes(self) -> int:
        """How many bytes a photo may have."""
        return self.settings.max_bytes or self.shop.settings.max_bytes


OpenShop = Annotated[Shop, Depends(_shop)]
Live = Annotated[LivePair, Depends(_live)]
Settings = Annotated[ServerSettings, Depends(_settings)]
Documents = Annotated[Shown, Depends(_shown)]
Pictures = Annotated[Thumbnails, Depends(_pictures)]


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
