"""What the API as such adds to an application, whatever its resources are."""

from flask import Flask

from notifyhub.api.http import errors, json, requests


def init_app(app: Flask) -> None:
    """Read requests and answer them, errors too, as the API does."""
    app.json = json.ORJSONProvider(app)
    requests.init_app(app)
    errors.init_app(app)
