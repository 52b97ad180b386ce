"""Signatures by the Standard Webhooks specification, and the secrets that make them.

A webhook's secrets are kept as `{"current": secret, "earlier": [[secret, until], …]}`: after a rotation the
old one signs along for a day, so that a receiver can change over without losing an event.
"""

import base64
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from standardwebhooks import Webhook

OVERLAP = timedelta(hours=24)
MOST_EARLIER = 9
"""Secrets that sign along at most, so that rotations in a row don't make the header endless."""

_BYTES = 32


def new() -> dict[str, Any]:
    """Return the secrets of a new webhook."""
    return {"current": f"whsec_{base64.b64encode(secrets.token_bytes(_BYTES)).decode()}", "earlier": []}


def rotated(kept: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Return a webhook's secrets with a new one in front."""
    earlier = [[kept["current"], (at + OVERLAP).isoformat()], *_living(kept, at)]
    return {**new(), "earlier": earlier[:MOST_EARLIER]}


def headers(kept: Mapping[str, Any], uid: str, at: datetime, body: str) -> dict[str, str]:
    """Return the headers by which a receiver knows an event, and that it comes from here."""
    signing = [kept["current"], *(secret for secret, _ in _living(kept, at))]
    return {
        "webhook-id": uid,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(uid, at, body) for secret in signing),
    }


def _living(kept: Mapping[str, Any], at: datetime) -> list[list[str]]:
    return [pair for pair in kept["earlier"] if datetime.fromisoformat(pair[1]) > at]
