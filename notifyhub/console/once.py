"""Forms that make something each time they are sent, and show it once: a token, a secret.

Who loads the answer again, or presses twice, sends such a form again: it is known by a key of its own.
"""

import secrets
from typing import Any

from flask import flash, redirect, request, session
from flask_babel import gettext as _
from markupsafe import Markup

FIELD = "once"
USED = "used"
"""Where the session keeps the keys of the latest forms."""
KEPT = 10


def field() -> Markup:
    """Return the hidden field that a form is known by."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, secrets.token_urlsafe(9))


def is_used() -> bool:
    """Return whether the request's form has done its work already."""
    return request.form.get(FIELD) in session.get(USED, [])


def use() -> None:
    """Remember that the request's form has done its work."""
    if key := request.form.get(FIELD):
        session[USED] = [*session.get(USED, []), key][-KEPT:]


def lead_on(target: str) -> Any:
    """Lead from a form that was sent again to where what it has made is listed."""
    flash(
        _("This form was sent before, and nothing more was done. What it had made was shown then, once."),
        "warn",
    )
    return redirect(target)
