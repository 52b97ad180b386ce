"""What browsers are told about every answer: what it is, who may keep, frame or read it."""

import re

from flask import Flask, Response, request

from notifyhub.extensions import cors

_PAGE = (
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
)
_NO_CONTENT = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def init_app(app: Flask) -> None:
    """Add the headers to every answer, and those of cross-origin requests for the configured origins."""
    app.after_request(_protect)
    origins: list[str] = app.config["CORS_ORIGINS"]
    if origins:
        cors.init_app(
            app,
            resources=r"/api/*",
            # As patterns: a text that looks like one, as IPv6 addresses do, would be taken as one.
            origins=[re.compile(re.escape(origin) + r"\Z") for origin in origins],
            always_send=False,
            supports_credentials=False,
            vary_header=False,
        )
        app.after_request(_vary)


def _protect(response: Response) -> Response:
    headers = response.headers
    headers.add("X-Content-Type-Options", "nosniff")
    if request.blueprint != "docs":
        headers.add("Cache-Control", "no-store")  # it may hold secrets
    if response.mimetype == "text/html":
        headers.extend(_PAGE)
        headers.setdefault("Content-Security-Policy", _NO_CONTENT)
    return response


def _vary(response: Response) -> Response:
    """Keep an answer to one origin from being given to another, where it has no CORS headers too."""
    response.vary.add("Origin")
    return response
