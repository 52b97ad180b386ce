"""The hook before every request: token, user, permission. What declares nothing is refused at start-up."""

from flask import Flask, current_app, g, request, session
from werkzeug.exceptions import Forbidden, HTTPException, MethodNotAllowed, Unauthorized

from notifyhub.api.endpoint import Access, Endpoint, Permission, declarations
from notifyhub.api.http.requests import limit_body, read_body
from notifyhub.auth import failures
from notifyhub.auth.sessions import SESSION_KEY, authenticate_session
from notifyhub.auth.tokens import Caller, authenticate, read_key


def init_app(app: Flask) -> None:
    """Guard every view of the application: to be called after all are registered."""
    app.extensions["declarations"] = declarations(app)
    app.before_request(_guard)


def declared(name: str) -> Endpoint:
    """Return what the view with this endpoint's name declares."""
    declaration: Endpoint = current_app.extensions["declarations"][name]
    return declaration


def _guard() -> None:
    """Let the request through to its view, or raise 401 or 403; 429 for who has failed too often.

    An unknown URL is 404 for anybody; a method that a URL lacks is 405, with a token if it needs one.
    """
    if request.method == "OPTIONS":
        return
    error = request.routing_exception
    name = request.endpoint if error is None else _endpoint_beside(error)
    if name is None:
        return
    declaration = declared(name)
    access = declaration.access
    if access is Access.PUBLIC:
        return
    code = access.code if isinstance(access, Permission) and error is None else None
    if declaration.for_browsers:
        g.caller, g.rights = authenticate_session(session.get(SESSION_KEY), code)
    else:
        g.caller = _caller(code)
    if not g.caller.permitted:
        raise Forbidden("You do not have permission to perform this action.")
    limit_body(declaration.max_body)
    if request.method in {"POST", "PATCH"}:
        # The body arrives before a row is locked: a slow client must not keep others from it.
        read_body()


def _caller(code: int | None) -> Caller:
    """Return who sends the token in the request's header; raises Unauthorized, or 429 after many failures."""
    key = read_key(request.headers.get("Authorization"))
    try:
        return authenticate(key, code)
    except Unauthorized:
        failures.record()
        raise


def _endpoint_beside(error: HTTPException) -> str | None:
    """Return the endpoint that the URL has for another method, if that is what is wrong."""
    if not isinstance(error, MethodNotAllowed) or not error.valid_methods:
        return None
    adapter = current_app.create_url_adapter(request)
    if adapter is None:
        return None
    name, _ = adapter.match(method=next(iter(error.valid_methods)))
    return str(name)
