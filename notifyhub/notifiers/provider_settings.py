"""What the settings of an SMS notifier must hold for its provider, which says so in `settings_schema`."""

import logging
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from marshmallow import INCLUDE, Schema

from notifyhub.providers.base import SMSProvider
from notifyhub.providers.plugins import UnknownProvider
from notifyhub.providers.registry import sms_provider, sms_provider_names

log = logging.getLogger(__name__)


@lru_cache
def _schema(backend: str) -> Schema:
    provider = sms_provider(backend)
    schema: type[Schema] = getattr(provider, "settings_schema", SMSProvider.settings_schema)
    return schema(unknown=INCLUDE)


def schemas() -> Iterator[Schema]:
    """Yield the schema of each provider's settings, but for those whose packages can't be loaded."""
    for name in sms_provider_names():
        try:
            yield _schema(name)
        except UnknownProvider as error:
            log.warning("%s", error)


def check_settings(backend: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings as they are stored: with the digits of lines in ASCII.

    Empty settings are taken for any provider. Raises ValidationError, by key, if a rule is broken; and
    UnknownProvider if the provider's package is not there to give its rules.
    """
    if not settings:
        return settings
    checked = _schema(backend).load(settings)
    return {key: checked[key] for key in settings}
