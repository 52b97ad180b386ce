"""What the console adds to an application."""

from typing import NoReturn

from flask import Flask
from werkzeug.exceptions import NotFound

from notifyhub.console import (
    accounts,
    assets,
    audit,
    campaigns,
    cookie,
    message_changes,
    messages,
    overview,
    patterns,
    preferences,
    rendering,
    sending,
    settings,
    sign_in,
    users,
    webhooks,
)
from notifyhub.console.blueprint import SIGNED_IN, console, page
from notifyhub.console.compression import compressed
from notifyhub.console.translation import Catalogues
from notifyhub.extensions import babel, csrf

SUBJECTS = (
    *(assets, preferences, sign_in, overview),
    *(messages, message_changes, sending, campaigns, accounts, webhooks, settings, users, audit),
)

accounts.blueprint.register_blueprint(patterns.blueprint)
for subject in SUBJECTS:
    console.register_blueprint(subject.blueprint)
console.after_request(compressed)


def init_app(app: Flask) -> None:
    """Have sessions, translations and protection against forged forms, for the console's pages alone."""
    cookie.init_app(app)
    babel.init_app(
        app,
        locale_selector=preferences.language,
        timezone_selector=lambda: preferences.timezone().key,
    )
    babel.domain_instance = Catalogues()
    app.config.update(
        WTF_CSRF_CHECK_DEFAULT=False,  # the API has no cookies, and so nothing to forge
        WTF_CSRF_SSL_STRICT=False,  # it asks for a Referer, which pages are told not to send
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
    )
    csrf.init_app(app)
    rendering.init_app(app)


@console.route("/<path:address>", methods=["GET", "POST"])
@page(SIGNED_IN)
def missing(**_path: str) -> NoReturn:
    """Say in a page that there is none with this address."""
    raise NotFound


@console.before_request
def _refuse_forged_forms() -> None:
    """Refuse what does not bear the token of the session's own pages: 400."""
    csrf.protect()
