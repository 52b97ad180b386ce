"""The URL that Prometheus reads."""

import hmac
from collections.abc import Iterable
from importlib.metadata import version

from flask import Blueprint, Response, current_app, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from notifyhub import shared_instruments
from notifyhub.api.endpoint import Access, Endpoint, endpoint
from notifyhub.metrics import process_figures
from notifyhub.metrics.row_figures import RowFigures

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
@endpoint(Endpoint(Access.PUBLIC, "Read the metrics", "Health", documented=False))
def show_metrics() -> Response:
    """Tell what the processes of this machine have counted, and what the rows tell of the whole service."""
    _authorize(current_app.config["METRICS_TOKEN"])
    registry = CollectorRegistry()
    registry.register(_Metrics())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Metrics(Collector):
    """All metrics, in the order in which they are shown."""

    def describe(self) -> Iterable[Metric]:
        """Return none: they are read once, when they are shown."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return all."""
        figures: RowFigures = current_app.extensions["row_figures"]
        build = GaugeMetricFamily("notifyhub_build_info", "The version that answers.", labels=["version"])
        build.add_metric([version("notifyhub")], 1)
        yield build
        yield from shared_instruments.collect()
        yield from figures.collect()
        yield from process_figures.collect()


def _authorize(token: str | None) -> None:
    """Raise Unauthorized unless the request bears the token, if there is one to bear."""
    if token is None:
        return
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        words = "Authentication credentials were not provided."
    elif hmac.compare_digest(given.strip().encode(), token.encode()):
        return
    else:
        words = "Invalid token."
    raise Unauthorized(words, www_authenticate=WWWAuthenticate("bearer"))
