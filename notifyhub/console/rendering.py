"""Pages as they go out: templates with what all of them use, errors, and the headers of pages."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import (
    Flask,
    Response,
    current_app,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import TooManyRequests, Unauthorized
from werkzeug.wrappers import Response as AnyResponse

from notifyhub.api.http import errors
from notifyhub.console import assets, formats, moments, navigation, once, preferences, translation
from notifyhub.console.blueprint import console
from notifyhub.console.operations import may
from notifyhub.process.security_headers import POLICY

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

FRAMED_POLICY = "default-src 'none'; frame-ancestors 'self'"
"""Of words in place of what a page has in a frame."""

FRAGMENT_HEADER = "X-Fragment"
"""Scripts send it where they replace a part of a page: they are not led to the sign-in."""


def render(template: str, **values: Any) -> str:
    """Return a page; templates are named as below `templates/console`."""
    return render_template(f"console/{template}", **values)


def init_app(app: Flask) -> None:
    """Give templates the filters and functions that they use."""
    app.jinja_env.filters.update(formats.FILTERS, as_written=moments.as_written)
    app.jinja_env.globals.update(
        asset=assets.url, may=may, once=once.field
    )  # for macros, too, which see no context
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


@console.context_processor
def _shared() -> dict[str, Any]:
    """Give templates what all of them use."""
    return {
        "caller": g.get("caller"),
        "direction": translation.direction(),
        "own_address": _own_address,
        "is_current": navigation.is_current,
        "language": str(get_locale()),
        "languages": translation.LANGUAGES,
        "sections": navigation.sections,
        "theme": preferences.theme(),
        "timezone": preferences.timezone().key,
        "timezones": preferences.TIMEZONES,
    }


@console.after_request
def _add_policy(response: Response) -> Response:
    """Let a page load and run what comes from here alone, unless it has a policy of its own."""
    if POLICY not in response.headers:
        response.headers[POLICY] = CONTENT_POLICY
    return response


def _page_of(answer: Callable[[Any], Response], error: Exception) -> AnyResponse:
    """Return a page with the words, the status and the headers that the API has for an error."""
    said = answer(error)
    if isinstance(error, Unauthorized):
        return _to_sign_in()
    words = said.get_json()
    detail = words.get("detail") if set(words) == {"detail"} else None
    return _error_page(said, detail, None if detail else words)


def _error_page(said: Response, detail: str | None, fields: Any) -> Response:
    page = make_response(render("error.html", status=said.status_code, detail=detail, fields=fields))
    page.status_code = said.status_code
    for name, value in said.headers.items():
        if name.lower() not in {"content-type", "content-length"}:
            page.headers[name] = value
    return page


def _forged(_error: CSRFError) -> AnyResponse:
    """Say that a form was not sent by a page of this session: mostly somebody has signed in since."""
    words = _("You have signed in anew, or out, since this form was opened. Nothing was done.")
    return make_response(render("error.html", status=400, detail=words, form_address=_own_address()), 400)


def _own_address() -> str | None:
    """Return the address of this page, or of the one with the form that was sent; None if that has none."""
    adapter = current_app.create_url_adapter(request)
    if request.method != "GET" and (
        adapter is None or adapter.match(request.path, "GET")[0] == "console.missing"
    ):
        return None
    return request.full_path.rstrip("?")


def _to_sign_in() -> AnyResponse:
    """Lead to the sign-in, and back to this page after it."""
    if FRAGMENT_HEADER in request.headers or request.headers.get("Sec-Fetch-Dest") == "iframe":
        words = _(
            "The session is over. Send the form when it is ready: you sign in first, and it is here again."
        )
        return Response(words, 401, {POLICY: FRAMED_POLICY}, mimetype="text/plain")
    if request.method != "GET":
        flash(_("The session was over before this was sent. Sign in, and do it again."), "warn unsent")
    return redirect(url_for("console.sign_in.sign_in", next=_own_address()))


for _kind, _answer in errors.ANSWERS.items():
    console.register_error_handler(_kind, partial(_page_of, _answer))
console.register_error_handler(CSRFError, _forged)
console.register_error_handler(TooManyRequests, partial(_page_of, errors.http_error))
