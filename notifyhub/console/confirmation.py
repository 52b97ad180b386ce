"""What is asked once before it is done."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from flask import request
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import Conflict, Forbidden

from notifyhub.api.http import violations
from notifyhub.console.form_pages import say
from notifyhub.console.rendering import render

T = TypeVar("T")


def confirm(
    act: Callable[[], T],
    *,
    title: str,
    question: str,
    lines: Iterable[str],
    action: str,
    done: str | Callable[[T], str],
    back: str,
    target: str,
) -> Any:
    """Return the page that asks; once it is answered, act, and lead to `target`.

    `lines` name what goes. `done` is what is said then, or makes that of what `act` has returned. What the
    API refuses (409, 403) is said on the page.
    """
    asked = {"title": title, "question": question, "lines": lines, "action": action, "back": back}
    if request.method == "GET":
        return render("confirm.html", **asked)
    try:
        result = act()
    except IntegrityError as error:
        refusal = violations.answer(error)
        if not isinstance(refusal, Conflict):
            raise
        return render("confirm.html", **asked, refused=refusal.description), 409
    except (Conflict, Forbidden) as refusal:
        return render("confirm.html", **asked, refused=refusal.description), refusal.code
    return say(done if isinstance(done, str) else done(result), target)
