"""Pages and what they load, compressed for browsers that take that: lists and choices repeat themselves.

Of other sites' requests only links bring the cookie (SameSite): none can have a page answered so often, with
words of its own in it, that the sizes tell the page's secrets (BREACH).
"""

import gzip

from flask import Response, request

LEVEL = 5
MIN_BYTES = 1000
"""What is shorter gains nothing."""
TYPES = frozenset(
    {"text/html", "text/css", "text/javascript", "application/javascript", "image/svg+xml", "text/plain"}
)


def compressed(response: Response) -> Response:
    """Return the response, compressed if the browser takes that and it gains by it."""
    if (
        response.mimetype not in TYPES
        or response.status_code == 206
        or "Content-Encoding" in response.headers
    ):
        return response
    response.vary.add("Accept-Encoding")
    if not request.accept_encodings["gzip"] or (response.is_streamed and not response.direct_passthrough):
        return response
    response.direct_passthrough = False
    data = response.get_data()
    if len(data) >= MIN_BYTES:
        response.set_data(gzip.compress(data, LEVEL))
        response.headers["Content-Encoding"] = "gzip"
        etag, _is_weak = response.get_etag()
        if etag:
            response.set_etag(etag, weak=True)  # the same content in other bytes
    return response
