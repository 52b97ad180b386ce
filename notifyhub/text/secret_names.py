"""Names that say that what they name is a secret, and what is shown in a secret's place."""

import re

from notifyhub.text.code_masks import MASK

HIDDEN = 4 * MASK
"""What stands for a secret of which nothing is to be shown."""

_SECRET = re.compile("token|password|secret|key", re.IGNORECASE)


def names_secret(name: str) -> bool:
    """Return whether a key is called as those of secrets are: tokens, passwords, secrets, keys."""
    return bool(_SECRET.search(name))
