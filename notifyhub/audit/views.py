"""The URL of the audit."""

from typing import Any

from flask import Blueprint

from notifyhub.api.endpoint import Endpoint, Permission, endpoint
from notifyhub.audit.pages import listing

blueprint = Blueprint("audit", __name__, url_prefix="/api/audit")

VIEW = Permission(7842, "AuditPermission", "View the audit")


@blueprint.get("")
@endpoint(
    Endpoint(
        VIEW,
        "List who has changed what",
        "Audit",
        query=listing.query,
        responses={200: listing.response},
        errors=(404,),
    )
)
def list_entries() -> dict[str, Any]:
    """Give a page of the list, the latest first."""
    return listing.page()
