"""One-time passwords: put into a message at the last moment, when it is handed to a provider.

The package that knows them stands above the delivery: it subscribes to `CodeNeeded`.
"""

from dataclasses import replace

from notifyhub.database.connections import autocommit
from notifyhub.delivery.events import CodeNeeded
from notifyhub.events import publish
from notifyhub.providers.base import SMS, Email
from notifyhub.providers.errors import NotServedHere
from notifyhub.text.code_masks import masked


class Over(NotServedHere):
    """The code is not valid any more: nothing was sent."""


def revealed(content: SMS | Email, otp_id: int) -> SMS | Email:
    """Return what a provider is given, with the code where its mask stands; raises Over.

    The content's `secrets` keep the code out of the provider's words.
    """
    needed = CodeNeeded(otp_id)
    publish(autocommit(), needed)
    code = needed.code
    if code is None:
        raise Over("code_over", "The one-time password was not valid any more: nothing was sent.")
    mask = masked(len(code))

    def reveal(text: str) -> str:
        return text.replace(mask, code)

    if isinstance(content, SMS):
        return replace(
            content,
            text=reveal(content.text),
            args=[reveal(arg) for arg in content.args],
            params={name: reveal(arg) for name, arg in content.params.items()},
            secrets=[code],
        )
    return replace(
        content,
        subject=reveal(content.subject),
        text=reveal(content.text),
        html=reveal(content.html),
        secrets=[code],
    )
