"""Headers that keep browsers from doing what nobody meant them to."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Scripts and styles come from files of this server, never from within a page, so that text of a
# shopper or a catalogue that gets into one is not run. A photo that was chosen is shown as blob:.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    # What a search answers is one shopper's; a response that may be kept says so itself.
    "Cache-Control": "no-store",
}


_RAW = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


class SafeHeaders:
    """Adds the headers to every response, but for those that it has itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add the headers to its response."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = list(message.get("headers", ()))
                own = {name.lower() for name, _ in sent}
                added = [header for header in _RAW if header[0] not in own]
                message = {**message, "headers": sent + added}
            await send(message)

        await self.app(scope, receive, with_headers)
