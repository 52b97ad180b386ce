"""What the settings of an SMS notifier must hold for its provider, which says so in `settings_schema`.

`max_per_second` may stand in all of them.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from flask import g
from marshmallow import EXCLUDE, INCLUDE, Schema, ValidationError

from notifyhub.providers.base import SMSProvider
from notifyhub.providers.fields import CommonSettingsSchema
from notifyhub.providers.plugins import UnknownProvider
from notifyhub.providers.registry import sms_provider, sms_provider_names

log = logging.getLogger(__name__)

COMMON = CommonSettingsSchema(unknown=EXCLUDE)


@lru_cache
def schema_of(backend: str) -> Schema:
    """Return the schema of a provider's settings; raises UnknownProvider."""
    provider = sms_provider(backend)
    schema: type[Schema] = getattr(provider, "settings_schema", SMSProvider.settings_schema)
    return schema(unknown=INCLUDE)


def schemas() -> Iterator[Schema]:
    """Yield the schema of each provider's settings, but for those whose packages can't be loaded."""
    for name in sms_provider_names():
        try:
            yield schema_of(name)
        except UnknownProvider as error:
            log.warning("%s", error)


def check_settings(backend: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings as they are stored: with the digits of lines in ASCII.

    Empty settings are taken for any provider. Raises ValidationError, by key, if a rule is broken; and
    UnknownProvider if the provider's package is not there to give its rules.
    """
    if not settings:
        return settings
    checked: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for schema in (schema_of(backend), COMMON):
        try:
            checked |= schema.load(settings)
        except ValidationError as error:
            errors |= error.messages_dict
    if errors:
        raise ValidationError(errors)
    return {key: checked[key] for key in settings}


def max_per_second(settings: Mapping[str, Any]) -> float | None:
    """Return the most calls per second that stored settings allow; None if they say nothing that is valid.

    An earlier version kept any value under this key.
    """
    try:
        allowed: float | None = COMMON.load(settings).get("max_per_second")
    except ValidationError:
        return None
    return allowed


@contextmanager
def merged_settings() -> Iterator[None]:
    """Have changes of notifiers take `settings` as a patch of the stored ones (RFC 7396), not in their place.

    So who sees no secret can leave it as it is. What is patched is read under the notifier's lock.
    """
    g.merges_settings = True
    try:
        yield
    finally:
        del g.merges_settings


def patched(stored: Mapping[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that a change means: those it gives, or within `merged_settings` what they make."""
    if "merges_settings" not in g:
        return given
    merged = {**stored, **given}
    return {key: value for key, value in merged.items() if key not in given or value is not None}
