"""The cookie: Flask's signed session, for the console alone."""

from datetime import timedelta
from typing import Any

from flask import Flask, Request, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

PATH = "/console"
KEPT = timedelta(days=30)
"""How long a browser keeps it: preferences outlive the session that it names, which the database ends."""


class ConsoleCookie(SecureCookieSessionInterface):
    """Opens a session for the console's pages, and none for the API."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        path = request.path
        if path == PATH or path.startswith(f"{PATH}/"):
            return super().open_session(app, request)
        return None

    def get_cookie_path(self, _app: Flask) -> str:
        """Return the path that browsers send it to."""
        return f"{request.script_root}{PATH}"

    def get_cookie_secure(self, _app: Flask) -> bool:
        """Return whether browsers send it by https alone: where they come by that."""
        return request.is_secure


def init_app(app: Flask) -> None:
    """Have sessions, in place of none at all."""
    settings: dict[str, Any] = {
        "SESSION_COOKIE_NAME": "notifyhub",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": KEPT,
    }
    app.config.update(settings)
    app.session_interface = ConsoleCookie()
