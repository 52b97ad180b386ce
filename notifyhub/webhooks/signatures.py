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

ROTATION_OVERLAP = timedelta(hours=24)
"""How long a secret that was rotated signs along."""
MAX_EARLIER_SECRETS = 9
"""Secrets that sign along at most, so that rotations in a row don't make the header endless."""

_SECRET_BYTES = 32


def new() -> dict[str, Any]:
    """Return the secrets of a new webhook."""
    key = base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    return {"current": f"whsec_{key}", "earlier": []}


def rotated(kept: Mapping[str, Any], moment: datetime) -> dict[str, Any]:
    """Return a webhook's secrets with a new one in front."""
    earlier = [[kept["current"], (moment + ROTATION_OVERLAP).isoformat()], *_living(kept, moment)]
    return {**new(), "earlier": earlier[:MAX_EARLIER_SECRETS]}


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
