"""The application factory: configuration, packages, blueprints; nothing else."""

from collections.abc import Mapping

from flask import Flask

from notifyhub import access_log, config, logs
from notifyhub.api import health
from notifyhub.api import registration as api
from notifyhub.api.openapi import views as openapi
from notifyhub.audit import registration as audit
from notifyhub.audit import views as audit_views
from notifyhub.auth import guard, throttle, user_views
from notifyhub.auth import registration as auth
from notifyhub.auth import views as auth_views
from notifyhub.campaigns import registration as campaigns
from notifyhub.console import registration as console
from notifyhub.console.blueprint import console as console_blueprint
from notifyhub.console.blueprint import root
from notifyhub.database import registration as database
from notifyhub.delivery import registration as delivery
from notifyhub.health import registration as service_health
from notifyhub.health import views as health_views
from notifyhub.jobs import registration as jobs
from notifyhub.messages import registration as messages
from notifyhub.messages import views as messages_views
from notifyhub.metrics import registration as metrics
from notifyhub.metrics import views as metrics_views
from notifyhub.notifiers import check_views
from notifyhub.notifiers import views as notifiers
from notifyhub.otp import registration as otp
from notifyhub.otp import views as otp_views
from notifyhub.patterns import sync_views
from notifyhub.patterns import views as patterns
from notifyhub.providers import registry
from notifyhub.seeding import registration as seeding
from notifyhub.settings import views as settings
from notifyhub.statistics import registration as statistics
from notifyhub.statistics import views as statistics_views
from notifyhub.webhooks import registration as webhooks
from notifyhub.webhooks import views as webhooks_views

PACKAGES = (
    *(database, api, jobs, auth, messages, delivery, service_health, otp, webhooks, statistics),
    *(metrics, audit, seeding, campaigns, console),
)

BLUEPRINTS = (
    notifiers.sms_blueprint,
    patterns.sms_blueprint,
    notifiers.email_blueprint,
    patterns.email_blueprint,
    settings.blueprint,
    messages_views.blueprint,
    messages_views.batches_blueprint,
    statistics_views.blueprint,
    check_views.blueprint,
    sync_views.blueprint,
    otp_views.blueprint,
    webhooks_views.blueprint,
    health_views.blueprint,
    user_views.blueprint,
    audit_views.blueprint,
    auth_views.blueprint,
    root,
    console_blueprint,
    openapi.blueprint,
    health.blueprint,
    metrics_views.blueprint,
)
"""In the order in which the OpenAPI document lists their operations."""


def create_app(environment: Mapping[str, str] | None = None) -> Flask:
    """Return the application, configured from `environment` (the process's own, if None).

    Raises InvalidSetting if a variable is wrong, UndeclaredView if a view doesn't say who may call it.
    """
    app = Flask(__name__, static_folder=None)
    config.configure(app, environment, registry.URL_VARIABLES.values())
    logs.init_app(app)
    access_log.init_app(app)
    for package in PACKAGES:
        package.init_app(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    guard.init_app(app)
    throttle.init_app(app)
    return app
