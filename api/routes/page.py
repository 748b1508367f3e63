"""`GET /` and `/static/…`: the page where people search by photo, and what it is made of."""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FILES = Path(__file__).parent.parent / "web"
# Asked again each time, answered with 304 while nothing has changed: an update shows at once.
CACHING = "no-cache"

router = APIRouter(include_in_schema=False)


class Files(StaticFiles):
    """The page's files, which browsers keep but ask about."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = CACHING
        return response


@router.get("/")
def page() -> FileResponse:
    """Return the page."""
    return FileResponse(FILES / "index.html", headers={"Cache-Control": CACHING})


@router.get("/staff")
def staff() -> FileResponse:
    """Return the staff's view; what it shows needs an admin's key."""
    return FileResponse(FILES / "staff.html", headers={"Cache-Control": CACHING})


def install(app: FastAPI) -> None:
    """Let an app serve the page's files."""
    app.mount("/static", Files(directory=FILES), name="static")
