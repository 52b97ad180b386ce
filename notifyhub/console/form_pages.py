"""The page of a form: shown, refused with its words at the fields, or done."""

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, request

from notifyhub.api.endpoint import View
from notifyhub.console.forms import ApiForm, submit


def fill_in(
    form: ApiForm, operation: View, *, show: Callable[[], str], done: Callable[[Any], Any], **path: Any
) -> Any:
    """Return what `show` makes of the form; once it is sent, what `done` makes of the operation's answer.

    Of what the operation refuses the form says why, 400. `path` is the operation's.
    """
    if request.method == "GET":
        return show()
    answer = submit(form, operation, **path)
    return (show(), 400) if answer is None else done(answer)


def say(words: str, target: str, category: str = "success") -> Any:
    """Lead to `target`, where `words` say what was done, in a notice of this kind."""
    flash(words, category)
    return redirect(target)
