"""The documentation, for programs (OpenAPI) and for people (Swagger UI)."""

from importlib.resources import files

from flask import (
    Blueprint,
    Response,
    current_app,
    jsonify,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from jinja2.utils import htmlsafe_json_dumps

from notifyhub.api.endpoint import Access, Endpoint, endpoint
from notifyhub.api.openapi import document

_SWAGGER_UI = files("flask_swagger_ui")

# The package's own blueprint can't be served under a path of a proxy: its URLs are fixed when it is made.
blueprint = Blueprint("docs", __name__, url_prefix="/api", template_folder=str(_SWAGGER_UI / "templates"))


@blueprint.get("/openapi.json")
@endpoint(Endpoint(Access.PUBLIC, "Read the OpenAPI document", "Documentation", documented=False))
def openapi() -> Response:
    """Give the document; its paths are relative to where a proxy has put the service."""
    return jsonify({**document(current_app), "servers": [{"url": request.script_root or "/"}]})


@blueprint.get("/docs")
@blueprint.get("/docs/<path:asset>")
@endpoint(Endpoint(Access.PUBLIC, "Read the documentation", "Documentation", documented=False))
def docs(asset: str = "index.html") -> str | Response:
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
    return render_template(
        "index.template.html",
        base_url=url_for(".docs"),
        app_name="NotifyHub",
        config_json=htmlsafe_json_dumps(settings),
    )
