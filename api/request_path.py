"""The path of a request as the routes know it."""

from starlette.types import Scope


def path_of(scope: Scope) -> str:
    """Return the path without what a proxy in front has added to it."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))
