"""The documentation at /docs, from an installed package: FastAPI's own page needs the internet."""

import base64
import hashlib
import re

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from api.safe_headers import CONTENT_SECURITY_POLICY

_INLINE = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def install(app: FastAPI) -> None:
    """Serve the page and its files."""
    assets = StaticFiles(packages=[("fastapi_swagger", "resources")])
    app.mount("/docs/assets", assets, name="docs-assets")

    @app.get("/docs", include_in_schema=False)
    def docs(request: Request) -> HTMLResponse:
        root_path = request.scope.get("root_path", "")
        page = get_swagger_ui_html(
            openapi_url=f"{root_path}{app.openapi_url}",
            title=app.title,
            swagger_js_url=f"{root_path}/docs/assets/swagger-ui-bundle.js",
            swagger_css_url=f"{root_path}/docs/assets/swagger-ui.css",
            swagger_favicon_url=f"{root_path}/docs/assets/favicon-32x32.png",
            swagger_ui_parameters={"tryItOutEnabled": True, "displayRequestDuration": True},
        )
        page.headers["Content-Security-Policy"] = policy(bytes(page.body))
        return page


def policy(page: bytes) -> str:
    """Return a policy that lets a page run its own inline scripts, by their hashes, and no other.

    Swagger UI sets styles of its elements too.
    """
    digests = (hashlib.sha256(script).digest() for script in _INLINE.findall(page))
    hashes = " ".join(f"'sha256-{base64.b64encode(one).decode()}'" for one in digests)
    scripts = CONTENT_SECURITY_POLICY.replace("script-src 'self'", f"script-src 'self' {hashes}")
    return scripts.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
