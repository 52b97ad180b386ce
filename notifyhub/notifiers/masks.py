"""Masks of secrets, where the operator wants them: what is shown of a secret, and the way back.

With NOTIFYHUB_MASK_SECRETS a secret is shown as four dots and its last four characters. A client that sends
the mask back means the secret that is stored. It has to know the secret, though, to have it sent elsewhere:
else whoever may change a notifier could read it there.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

from flask import current_app, g
from marshmallow import ValidationError

from notifyhub.text.secret_names import HIDDEN, names_secret

SHOWN_CHARACTERS = 4
"""Of a secret's end, which follow the dots."""

MASK_NOT_ENOUGH = "Give the secret itself: the stored one is not sent elsewhere than before."

_ADDRESS_KEY = re.compile(
    "url|uri|host|server|endpoint|address|domain|gateway|proxy|port|base|region", re.IGNORECASE
)
_ADDRESS = re.compile(r"://|^[\w-]+(\.[\w-]+)+\.?(:\d+)?(/|$)|^\[?[\da-f]*:[\da-f:.]+\]?", re.IGNORECASE)


def masking() -> bool:
    """Return whether secrets are masked: as the operator wants, and always within `secrets_masked`."""
    return bool(current_app.config["MASK_SECRETS"] or g.get("secrets_masked"))


@contextmanager
def secrets_masked() -> Iterator[None]:
    """Mask secrets within, whatever the operator wants: pages show none."""
    before = g.get("secrets_masked", False)
    g.secrets_masked = True
    try:
        yield
    finally:
        g.secrets_masked = before


def mask(secret: str) -> str:
    """Return the mask of a secret; of one that is eight characters or shorter nothing is shown."""
    return HIDDEN + (secret[-SHOWN_CHARACTERS:] if len(secret) > 8 else "")


def mask_values(value: Any, *, secret: bool = False) -> Any:
    """Return a JSON value whose texts and numbers under a key that names a secret are masked."""
    if isinstance(value, Mapping):
        return {key: mask_values(inner, secret=secret or names_secret(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [mask_values(inner, secret=secret) for inner in value]
    return mask(str(value)) if secret and _maskable(value) else value


def unmask_values(given: Any, stored: Any, *, secret: bool = False, moved: bool = False) -> Any:
    """Return the JSON value that a client means: with the stored secrets where it gives their masks.

    Raises ValidationError, by key, for a mask that masks nothing stored at its place; and for any mask of a
    stored secret if the secrets are `moved`, to be sent elsewhere than before.
    """
    if isinstance(given, Mapping):
        return _unmask_object(given, stored if isinstance(stored, Mapping) else {}, secret, moved)
    if isinstance(given, list):
        beside = stored if isinstance(stored, list) else []
        pairs = zip_longest(given, beside[: len(given)])
        return [unmask_values(inner, old, secret=secret, moved=moved) for inner, old in pairs]
    if not secret or not isinstance(given, str):
        return given
    if _maskable(stored) and given == mask(str(stored)):
        if moved and str(stored):
            raise ValidationError(MASK_NOT_ENOUGH)
        return stored
    if given.startswith(HIDDEN) and len(given) <= len(HIDDEN) + SHOWN_CHARACTERS:
        raise ValidationError("This is the mask of a secret, not a secret.")
    return given


def _unmask_object(
    given: Mapping[str, Any], stored: Mapping[str, Any], secret: bool, moved: bool
) -> dict[str, Any]:
    meant: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for key, inner in given.items():
        is_secret = secret or names_secret(key)
        try:
            meant[key] = unmask_values(inner, stored.get(key), secret=is_secret, moved=moved)
        except ValidationError as error:
            errors[key] = error.messages
    if errors:
        raise ValidationError(errors)
    return meant


def destinations(settings: Any, *, named: bool = False) -> Any:
    """Return the addresses in a JSON value, which its secrets may be sent to: told by key or by looks."""
    if isinstance(settings, Mapping):
        inner = {
            key: destinations(value, named=named or bool(_ADDRESS_KEY.search(key)))
            for key, value in settings.items()
        }
        return {key: value for key, value in inner.items() if value} or None
    if isinstance(settings, list):
        found = [destinations(value, named=named) for value in settings]
        return found if any(found) else None
    looks_so = isinstance(settings, str) and bool(_ADDRESS.search(settings))
    return str(settings) if looks_so or (named and _maskable(settings)) else None


def _maskable(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
