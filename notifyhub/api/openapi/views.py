"""The documentation, for programs (OpenAPI) and for people (Swagger UI)."""

import base64
import hashlib
import re
from importlib.resources import files

from flask import (
    Blueprint,
    Response,
    current_app,
    jsonify,
    make_response,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from jinja2.utils import htmlsafe_json_dumps

from notifyhub.api.endpoint import Access, Endpoint, endpoint
from notifyhub.api.openapi.document import document

_SWAGGER_UI = files("flask_swagger_ui")

# The package's own blueprint can't be served under a path of a proxy: its URLs are fixed when it is made.
blueprint = Blueprint("docs", __name__, url_prefix="/api", template_folder=str(_SWAGGER_UI / "templates"))

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


@blueprint.get("/openapi.json")
@endpoint(Endpoint(Access.PUBLIC, "Read the OpenAPI document", "Documentation", documented=False))
def openapi() -> Response:
    """Give the document; its paths are relative to where a proxy has put the service."""
    return jsonify({**document(current_app), "servers": [{"url": request.script_root or "/"}]})


@blueprint.get("/docs")
@blueprint.get("/docs/<path:asset>")
@endpoint(Endpoint(Access.PUBLIC, "Read the documentation", "Documentation", documented=False))
def docs(asset: str = "index.html") -> Response:
    """Give the page of Swagger UI, or what the page refers to."""
    if asset != "index.html":
        return send_from_directory(str(_SWAGGER_UI / "dist"), asset)
    settings = {
        "dom_id": "#swagger-ui",
        "url": url_for(".openapi"),
        "layout": "StandaloneLayout",
        "deepLinking": True,
        "validatorUrl": None,  # else the page would ask validator.swagger.io
    }
    page = render_template(
        "index.template.html",
        base_url=url_for(".docs"),
        app_name="NotifyHub",
        config_json=htmlsafe_json_dumps(settings),
    )
    response = make_response(page)
    response.headers["Content-Security-Policy"] = _policy(page)
    return response


def _policy(page: str) -> str:
    """Allow the page what comes from here and its own scripts, by their digests; styles may be inline."""
    digests = (hashlib.sha256(script.encode()).digest() for script in _SCRIPT.findall(page))
    own = "".join(f" 'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src 'self'{own}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
