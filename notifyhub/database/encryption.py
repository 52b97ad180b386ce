"""Encryption of stored secrets with the application's keys.

The keys are Fernet keys: the first one encrypts, all of them decrypt, so that a new key can be put in front.
What is encrypted says where it belongs, so that a secret that was moved to another row can't be read there.
"""

from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import Flask, current_app

CACHED_SECRETS = 256

_MARK, _END = b"\0", b"\0"
"""What stands before and after the place. No secret that was stored without a place begins so: texts and JSON
hold no null characters."""


class Misplaced(InvalidToken):
    """A secret was encrypted for another place than the one where it was found."""


def cipher(app: Flask = current_app) -> MultiFernet:
    """Return the cipher of an application."""
    if "cipher" not in app.extensions:
        app.extensions["cipher"] = MultiFernet([Fernet(key) for key in app.config["ENCRYPTION_KEYS"]])
    kept: MultiFernet = app.extensions["cipher"]
    return kept


def encrypt(plain: bytes, place: str) -> str:
    """Return `plain` encrypted under the first key, for one place, as ASCII text."""
    return cipher().encrypt(_MARK + place.encode() + _END + plain).decode()


def decrypt(stored: str, place: str) -> bytes:
    """Return what `encrypt` was given for this place; raises cryptography's InvalidToken if it can't be read.

    What was read lately is cached: each message reads the same few secrets.
    """
    return read(current_app, stored, place)


def read(app: Flask, stored: str, place: str) -> bytes:
    """Return what an application has encrypted; see `decrypt`."""
    if "decrypt" not in app.extensions:
        app.extensions["decrypt"] = lru_cache(CACHED_SECRETS)(cipher(app).decrypt)
    try:
        content: bytes = app.extensions["decrypt"](stored)
    except InvalidToken:
        raise InvalidToken(f"None of the keys reads the secret at {place}.") from None
    if not content.startswith(_MARK):  # older than places, until the keys are rotated
        return content
    written, _, plain = content[len(_MARK) :].partition(_END)
    if written != place.encode():
        raise Misplaced(f"The secret at {place} was encrypted for another row, column or table.")
    return plain
