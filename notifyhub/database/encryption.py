"""Encryption of stored secrets with the application's keys.

The keys are Fernet keys: the first one encrypts, all of them decrypt, so that a new key can be put in front.
"""

from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet
from flask import current_app

REMEMBERED = 256


def cipher() -> MultiFernet:
    """Return the cipher of the current application."""
    if "cipher" not in current_app.extensions:
        keys = current_app.config["ENCRYPTION_KEYS"]
        current_app.extensions["cipher"] = MultiFernet([Fernet(key) for key in keys])
    kept: MultiFernet = current_app.extensions["cipher"]
    return kept


def encrypt(plain: bytes) -> str:
    """Return `plain` encrypted under the first key, as ASCII text."""
    return cipher().encrypt(plain).decode()


def decrypt(stored: str) -> bytes:
    """Return what `encrypt` was given; raises cryptography's InvalidToken if no key fits.

    What was read lately is remembered: each message reads the same few secrets.
    """
    if "decrypt" not in current_app.extensions:
        current_app.extensions["decrypt"] = lru_cache(REMEMBERED)(cipher().decrypt)
    plain: bytes = current_app.extensions["decrypt"](stored)
    return plain


def rotate(stored: str) -> str:
    """Return the same secret encrypted under the first key; raises InvalidToken if no key fits."""
    return cipher().rotate(stored).decode()
