"""What a line of the log must not show, whoever wrote it: recipients, codes, tokens, keys, passwords.

By their forms, so that a library's line or an error's words are masked, too. What an operator reads by stays:
ids, durations, ports, dates, hosts, the ids of requests.
"""

import re
from collections.abc import Iterable

from notifyhub.text.url_secrets import mask_secrets

MASK = "•••"

_DIGIT = "[0-9۰-۹٠-٩]"
_ZERO, _NINE, _EIGHT = "[0۰٠]", "[9۹٩]", "[8۸٨]"

_FORMS = re.compile(
    "|".join(
        (
            r"(?P<before_password>://[^/\s:@]*:)(?!\*\*\*@)[^/\s]+(?=@)",
            r"(?P<before_credentials>\bauthorization['\"]?\s*[:=]\s*['\"]?)[^'\"\r\n,;]+",
            r"(?P<before_token>\b(?:token|bearer|basic|accesskey|apikey)\s+)(?=\S*[0-9])[\w.~+/-]{8,}=*",
            r"(?P<before_value>[?&](?:token|key|apikey|password|secret|code|to|recipient)=)[^&\s'\"]+",
            rf"(?P<before_code>\b(?:otp|passcode|pin|code is|کد|رمز)\b\D{{0,20}}?)\b{_DIGIT}{{4,10}}\b",
            # Mail addresses; not the user and host of a URL, whose password may be hidden already.
            r"(?<![\w/.+@-])(?!\*+@)[\w.!#$%&*+?^{|}~-]+@[^\W_](?:[\w-]*[^\W_])?(?:\.[^\W_](?:[\w-]*[^\W_])?)+",
            # International numbers, and Iranian mobiles in every form.
            rf"(?<![\w.+-])(?:\+|{_ZERO}{{2}})(?:[ -]?{_DIGIT}){{8,15}}(?![\w])",
            rf"(?<![\w.+-])(?:{_ZERO}|{_NINE}{_EIGHT})?{_NINE}{_DIGIT}{{9}}(?!\w|\.[0-9])",
            r"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])",  # our tokens
            r"\bwhsec_[\w+/=-]+",
            r"\bgAAAA[\w-]{20,}={0,2}",  # what is encrypted
            r"(?<![\w-])[\w-]{43}=(?![\w=])",  # Fernet keys
        )
    ),
    re.IGNORECASE,
)


_WORD = re.compile(r"[^\s'\"<>]+")


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a text with everything that it must not show replaced; `secrets` are more of that, literally."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    if "://" in text and "?" in text:
        text = _WORD.sub(_without_query, text)
    return _FORMS.sub(_replacement, text)


def _replacement(found: re.Match[str]) -> str:
    kept = next((before for before in found.groupdict().values() if before is not None), "")
    return kept + MASK


def _without_query(found: re.Match[str]) -> str:
    """Return a word; if it is a URL, or ends with one, with the values of its query masked."""
    before, slashes, _ = found[0].partition("://")
    return mask_secrets(found[0], MASK) if slashes and "?" not in before else found[0]
