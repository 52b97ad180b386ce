"""The URL of the health."""

from typing import Any

from flask import Blueprint

from notifyhub.api.endpoint import Endpoint, endpoint
from notifyhub.database.connections import autocommit
from notifyhub.health import report
from notifyhub.health.schemas import HealthSchema
from notifyhub.messages.views import VIEW

blueprint = Blueprint("service", __name__, url_prefix="/api/notifications/health")


@blueprint.get("")
@endpoint(Endpoint(VIEW, "Read the health of the service", "Health", responses={200: HealthSchema()}))
def show_health() -> dict[str, Any]:
    """Tell who delivers, what waits, how well each notifier works, and what is wrong."""
    return report.read(autocommit())
