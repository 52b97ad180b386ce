"""The application factory: configuration, extensions, blueprints, hooks, commands; nothing else."""

from collections.abc import Mapping
from pathlib import Path

from flask import Flask

from notifyhub import config, logs
from notifyhub.api import health
from notifyhub.api.http import errors, json, requests
from notifyhub.api.openapi import views
from notifyhub.auth import commands as auth_commands
from notifyhub.auth import guard, throttle
from notifyhub.auth import views as auth
from notifyhub.database import connections, rotation
from notifyhub.delivery import due_messages
from notifyhub.delivery import models as delivery_models  # noqa: F401
from notifyhub.delivery import tasks as delivery_tasks  # noqa: F401
from notifyhub.extensions import db, migrate
from notifyhub.jobs import queues
from notifyhub.messages import views as messages
from notifyhub.notifiers import check_views
from notifyhub.notifiers import views as notifiers
from notifyhub.otp import views as otp
from notifyhub.patterns import sync_views
from notifyhub.patterns import views as patterns
from notifyhub.providers import registry
from notifyhub.seeding import commands as seeding
from notifyhub.settings import views as settings
from notifyhub.webhooks import subscribers
from notifyhub.webhooks import tasks as webhooks_tasks  # noqa: F401
from notifyhub.webhooks import views as webhooks

BLUEPRINTS = (
    notifiers.sms_blueprint,
    patterns.blueprint,
    notifiers.email_blueprint,
    settings.blueprint,
    messages.blueprint,
    messages.batches_blueprint,
    check_views.blueprint,
    sync_views.blueprint,
    otp.blueprint,
    webhooks.blueprint,
    auth.blueprint,
    views.root,
    views.blueprint,
    health.blueprint,
)

COMMANDS = (
    auth_commands.users,
    auth_commands.tokens,
    auth_commands.list_permissions,
    seeding.notifiers,
    rotation.keys,
)

MIGRATIONS = Path(__file__).parent.parent / "migrations"


def create_app(environment: Mapping[str, str] | None = None) -> Flask:
    """Return the application, configured from `environment` (the process's own, if None).

    Raises InvalidSetting if a variable is wrong, UndeclaredView if a view doesn't say who may call it.
    """
    app = Flask(__name__, static_folder=None)
    app.json = json.ORJSONProvider(app)
    config.configure(app, environment, registry.URL_VARIABLES.values())
    connections.init_app(app)
    migrate.init_app(app, db, directory=str(MIGRATIONS))
    logs.init_app(app)
    for part in (requests, errors, queues, due_messages, otp, subscribers):
        part.init_app(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    for command in COMMANDS:
        app.cli.add_command(command)
    guard.init_app(app)
    throttle.init_app(app)
    return app
