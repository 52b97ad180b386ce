"""Signatures by the Standard Webhooks specification, and the secrets that make them.

A webhook's secrets are kept as `{"current": secret, "earlier": [[secret, until], …]}`: after a rotation the
old one signs along for a day, so that a receiver can change over without losing an event.
"""

import base64
import binascii
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from standardwebhooks import Webhook

ROTATION_OVERLAP = timedelta(hours=24)
"""How long a secret that was rotated signs along."""
MAX_EARLIER_SECRETS = 9
"""Secrets that sign along at most, so that rotations in a row don't make the header endless."""

_PREFIX = "whsec_"
_SECRET_BYTES = 32
_LEAST_BYTES, _MOST_BYTES = 24, 64


def is_secret(text: str) -> bool:
    """Return whether a text is a secret as the specification has it: its prefix, 24 to 64 bytes in base64."""
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return text.startswith(_PREFIX) and _LEAST_BYTES <= len(key) <= _MOST_BYTES


def new(secret: str | None = None) -> dict[str, Any]:
    """Return the secrets of a new webhook: `secret`, or one that is made."""
    made = _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    return {"current": secret or made, "earlier": []}


def rotated(kept: Mapping[str, Any], moment: datetime, secret: str | None = None) -> dict[str, Any]:
    """Return a webhook's secrets with another one in front: `secret`, or one that is made."""
    renewed = new(secret)
    earlier = [[kept["current"], (moment + ROTATION_OVERLAP).isoformat()], *_living(kept, moment)]
    others = [pair for pair in earlier if pair[0] != renewed["current"]]
    return {**renewed, "earlier": others[:MAX_EARLIER_SECRETS]}


def headers(kept: Mapping[str, Any], uid: str, moment: datetime, body: str) -> dict[str, str]:
    """Return the headers by which a receiver knows an event, and that it comes from here."""
    signing = [kept["current"], *(secret for secret, _ in _living(kept, moment))]
    return {
        "webhook-id": uid,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(uid, moment, body) for secret in signing),
    }


def _living(kept: Mapping[str, Any], moment: datetime) -> list[list[str]]:
    return [pair for pair in kept["earlier"] if datetime.fromisoformat(pair[1]) > moment]
