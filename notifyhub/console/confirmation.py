"""What is asked once before it is done."""

from collections.abc import Callable, Sequence
from typing import Any

from flask import flash, redirect, request
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import Conflict, Forbidden

from notifyhub.api.http import violations
from notifyhub.console.rendering import render


def confirm(
    act: Callable[[], object],
    *,
    title: str,
    question: str,
    lines: Sequence[str],
    action: str,
    done: str,
    back: str,
    target: str,
) -> Any:
    """Return the page that asks; once it is answered, act, and lead to `target`.

    `lines` name what goes. What the API refuses (409, 403) is said on the page.
    """
    asked = {"title": title, "question": question, "lines": lines, "action": action, "back": back}
    if request.method == "GET":
        return render("confirm.html", **asked)
    try:
        act()
    except IntegrityError as error:
        refusal = violations.answer(error)
        if not isinstance(refusal, Conflict):
            raise
        return render("confirm.html", **asked, refused=refusal.description), 409
    except (Conflict, Forbidden) as refusal:
        return render("confirm.html", **asked, refused=refusal.description), refusal.code
    flash(done, "ok")
    return redirect(target)
