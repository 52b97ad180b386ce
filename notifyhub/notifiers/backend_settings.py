"""What the settings of an SMS notifier must hold for its backend.

The rules are the documentation's (page "Create SMS Notifier"); those of other packages' backends are
theirs (see `plugins`). Keys that they don't name are kept as given.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields
from marshmallow.types import ErrorMessages

from notifyhub.api.fields import MAX_LENGTH, Worded, at_most_long, described
from notifyhub.notifiers.models import SMSProvider
from notifyhub.providers.plugins import UnknownBackend, load_plugin, plugin_names
from notifyhub.text.digits import ascii_digits

log = logging.getLogger(__name__)


class _Text(Worded, fields.String):
    """A text, taken as it is; a number is none."""

    default_error_messages: ErrorMessages = {
        "invalid": "Not a valid string.",
        "blank": "This field may not be blank.",
    }

    def __init__(self, pattern: str = r"\S") -> None:
        super().__init__(
            required=True,
            validate=at_most_long(MAX_LENGTH),
            metadata=described("Token of the account at the provider.", "value1", pattern=pattern),
        )

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        text = str(super()._deserialize(value, *args, **options))
        if not text.strip():
            raise self.make_error("blank")
        return text


class _Segment(_Text):
    """A text that becomes a part of a URL's path, which these two never are: they are taken out of it."""

    def __init__(self) -> None:
        super().__init__(pattern=r"[^\s.]")

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        text = super()._deserialize(value, *args, **options)
        if text.strip() in {".", ".."}:
            raise ValidationError('Must be other than "." and "..".')
        return text


class _Line(Worded, fields.String):
    """The number of a provider's line, whose digits may be written in other scripts."""

    default_error_messages: ErrorMessages = {"invalid": "Not a valid string."}

    def __init__(self, pattern: str, words: str, example: str, **options: Any) -> None:
        meaning = "Number of the line to send from; Persian and Arabic-Indic digits are taken for ASCII ones."
        super().__init__(metadata=described(meaning, example, pattern=f"^{pattern}$"), **options)
        self.pattern = re.compile(pattern)
        self.words = words

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        line = ascii_digits(str(super()._deserialize(value, *args, **options)))
        if len(line) > MAX_LENGTH or not self.pattern.fullmatch(line):
            raise ValidationError(self.words)
        return line


class MelipayamakSettingsSchema(Schema):
    """What MeliPayamak needs."""

    token = _Segment()
    number = _Line(r"[0-9]{5,}", "Must be a string of more than 4 digits.", "50002710008883")


class IPPanelSettingsSchema(Schema):
    """What IPPanel needs."""

    token = _Text()
    from_number = _Line(r"\+98[0-9]{5,12}", "Must be +98 and 5 to 12 digits.", "+983000505", required=True)


class TokenSettingsSchema(Schema):
    """What a backend of another package needs that says nothing of its own."""

    token = _Text()


_OURS: Mapping[str, Schema] = {
    SMSProvider.MELIPAYAMAK: MelipayamakSettingsSchema(unknown=INCLUDE),
    SMSProvider.IPPANEL: IPPanelSettingsSchema(unknown=INCLUDE),
}


def backend_names() -> list[str]:
    """Return the names of all backends of SMS, ours first."""
    return [*SMSProvider, *(name for name in plugin_names() if name not in _OURS)]


@lru_cache
def _schema(backend: str) -> Schema:
    if backend in _OURS:
        return _OURS[backend]
    schema: type[Schema] = getattr(load_plugin(backend), "settings_schema", TokenSettingsSchema)
    return schema(unknown=INCLUDE)


def schemas() -> Iterator[Schema]:
    """Give the schema of each backend's settings, but for those whose packages can't be loaded."""
    for name in backend_names():
        try:
            yield _schema(name)
        except UnknownBackend as error:
            log.warning("%s", error)


def check(backend: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings as they are stored: with the digits of lines in ASCII.

    Empty settings are taken for any backend. Raises ValidationError, by key, if a rule is broken; and
    UnknownBackend if there is nobody to ask for the rules.
    """
    if not settings:
        return settings
    checked = _schema(backend).load(settings)
    return {key: checked[key] for key in settings}
