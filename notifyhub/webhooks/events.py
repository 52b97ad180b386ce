"""The events of webhooks themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class WebhookDisabled:
    """The service has disabled a webhook: its row, as it is shown."""

    row: Mapping[str, Any]
