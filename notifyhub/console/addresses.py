"""Addresses of pages, such as the one to go on with after a sign-in."""

from urllib.parse import urlsplit

from flask import url_for


def local_path(given: str | None) -> str:
    """Return an address if it is a page of the console, else that of its first page.

    Who makes somebody follow a link to the sign-in must not lead them elsewhere with it.
    """
    home = url_for("console.overview.show")
    if not given or "\\" in given or any(ord(character) < 33 for character in given):
        return home
    parts = urlsplit(given)
    inside = parts.path == home or parts.path.startswith(f"{home}/")
    return given if not parts.scheme and not parts.netloc and inside and ".." not in parts.path else home
