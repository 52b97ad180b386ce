"""One-time passwords: put into a message at the last moment, when it is handed to a provider.

The package that knows them stands higher than the delivery, and registers where they come from.
"""

from collections.abc import Callable
from dataclasses import replace

from flask import Flask, current_app

from notifyhub.providers.base import SMS, Email
from notifyhub.providers.errors import NotServedHere
from notifyhub.text.code_masks import masked

Source = Callable[[int], str | None]
"""Returns the code of a one-time password in clear; None if it may not be sent any more."""


class Over(NotServedHere):
    """The code is not valid any more: nothing was sent."""


def register(app: Flask, source: Source) -> None:
    """Have codes come from `source`, which is called outside of any transaction."""
    app.extensions["codes"] = source


def revealed(content: SMS | Email, otp_id: int) -> SMS | Email:
    """Return what a provider is given, with the code where its mask stands; raises Over.

    The content's `secrets` keep the code out of the provider's words.
    """
    source: Source = current_app.extensions["codes"]
    code = source(otp_id)
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
