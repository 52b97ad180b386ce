"""What is done to all messages of batches at once, asked for first."""

from collections.abc import Callable
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from notifyhub.console.confirmation import confirm
from notifyhub.console.formats import number


def confirm_cancel(act: Callable[[], int], title: str, target: str) -> Any:
    """Ask, then take back what nobody has begun to send; `act` returns how many messages that were."""
    return confirm(
        act,
        title=title,
        question=_("Do you want to cancel all of its messages that nobody has begun to send?"),
        lines=[_("Messages that a provider has taken can't be taken back.")],
        action=_("Cancel what waits"),
        done=_cancelled,
        back=target,
        target=target,
    )


def confirm_retry(act: Callable[[], int], title: str, target: str) -> Any:
    """Ask, then send anew what has failed; `act` returns how many messages that were."""
    return confirm(
        act,
        title=title,
        question=_("Do you want to send those messages anew that failed, expired or did not arrive?"),
        lines=[],
        action=_("Retry what failed"),
        done=_sent_anew,
        back=target,
        target=target,
    )


def _cancelled(count: int) -> str:
    words = ngettext(
        "%(count)s message was cancelled.", "%(count)s messages were cancelled.", count, count=number(count)
    )
    return str(words)


def _sent_anew(count: int) -> str:
    words = ngettext(
        "%(count)s message is sent anew.", "%(count)s messages are sent anew.", count, count=number(count)
    )
    return str(words)
