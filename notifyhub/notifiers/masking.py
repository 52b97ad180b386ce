"""Masks of secrets, where the operator wants them: what is shown of a secret, and the way back.

With NOTIFYHUB_MASK_SECRETS a secret is shown as four dots and its last four characters. A client that sends
the mask back means the secret that is stored.
"""

import re
from collections.abc import Mapping
from typing import Any

from flask import current_app
from marshmallow import ValidationError

DOTS = "••••"

_SECRET_KEY = re.compile("token|password|secret|key", re.IGNORECASE)


def masking() -> bool:
    """Tell whether secrets are masked."""
    return bool(current_app.config["MASK_SECRETS"])


def mask(secret: str) -> str:
    """Return the mask of a secret; of one that is eight characters or shorter nothing is shown."""
    return DOTS + (secret[-4:] if len(secret) > 8 else "")


def unmask(given: str, stored: str | None) -> str:
    """Return the secret that a client means: the stored one, if `given` is its mask.

    Raises ValidationError for the mask of another secret.
    """
    if stored is not None and given == mask(stored):
        return stored
    if given.startswith(DOTS) and len(given) <= len(DOTS) + 4:
        raise ValidationError("This is the mask of a secret, not a secret.")
    return given


def mask_values(value: Any, *, secret: bool = False) -> Any:
    """Return a JSON value whose texts and numbers under a key that names a secret are masked."""
    if isinstance(value, Mapping):
        return {
            key: mask_values(inner, secret=secret or bool(_SECRET_KEY.search(key)))
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [mask_values(inner, secret=secret) for inner in value]
    return mask(str(value)) if secret and _maskable(value) else value


def unmask_values(given: Any, stored: Any, *, secret: bool = False) -> Any:
    """Return the JSON value that a client means: with the stored secrets where it gives their masks.

    Raises ValidationError, by key, for a mask that masks nothing stored at its place.
    """
    if isinstance(given, Mapping):
        return _unmask_object(given, stored if isinstance(stored, Mapping) else {}, secret)
    if isinstance(given, list):
        beside = stored if isinstance(stored, list) else []
        beside = beside + [None] * (len(given) - len(beside))
        return [unmask_values(inner, old, secret=secret) for inner, old in zip(given, beside, strict=False)]
    if not secret or not isinstance(given, str):
        return given
    if _maskable(stored) and given == mask(str(stored)):
        return stored
    return unmask(given, None)


def _unmask_object(given: Mapping[str, Any], stored: Mapping[str, Any], secret: bool) -> dict[str, Any]:
    meant: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for key, inner in given.items():
        try:
            meant[key] = unmask_values(inner, stored.get(key), secret=secret or bool(_SECRET_KEY.search(key)))
        except ValidationError as error:
            errors[key] = error.messages
    if errors:
        raise ValidationError(errors)
    return meant


def _maskable(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
