"""The further provider that CONTRIBUTING shows: it is one, as it stands there."""

import re
from typing import Any

from notifyhub.providers.base import SMS, SMSProvider
from notifyhub.providers.errors import Refused
from tests.simulators.provider import Provider
from tests.simulators.server import Reply
from tests.support.environment import ROOT
