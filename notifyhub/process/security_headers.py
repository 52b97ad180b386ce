"""What every answer tells browsers: the application's, and those of the server beneath it.

After OWASP's cheat sheets for REST and for headers. Most answers are JSON, which no browser need ever show: a
page that is one after all gets nothing to load, to run, or to be framed by.
"""

from typing import Any

POLICY = "Content-Security-Policy"

_OF_ALL = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    # Not for CORS: what asks by it is held to the origins that are allowed.
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
OF_DATA = (
    *_OF_ALL,
    (POLICY, "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
)
"""Of answers without a policy of their own."""

OF_PAGES = (
    ("Cross-Origin-Opener-Policy", "same-origin"),
    (
        "Permissions-Policy",
        "camera=(), display-capture=(), fullscreen=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
)

_OVER_TLS = ("Strict-Transport-Security", "max-age=31536000")
"""For a year browsers come by https alone; other names below this one's domain are not ours to speak for."""


class SecurityHeaders:
    """Adds them to each answer of a WSGI application: all at once takes a tenth of one by one."""

    def __init__(self, application: Any) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            headers.extend(_OF_ALL if POLICY in dict(headers) else OF_DATA)
            if environ["wsgi.url_scheme"] == "https":  # the socket's, or what a trusted proxy says
                headers.append(_OVER_TLS)
            return start_response(status, headers, *error)

        return self.application(environ, start)
