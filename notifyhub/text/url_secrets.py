"""What may be secret in a URL: the password before its host, and the values of its query."""


def mask_secrets(url: str, mask: str) -> str:
    """Return a URL with `mask` in place of its password and of each value of its query, whose names stay."""
    before, mark, query = url.partition("?")
    scheme, slashes, rest = before.partition("://")
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    name, colon, _ = user.partition(":")
    known = f"{name}:{mask}" if colon else user
    pairs = [pair.partition("=") for pair in query.split("&")] if query else []
    values = "&".join(f"{name}={mask}" if equals else mask for name, equals, _ in pairs)
    return f"{scheme}{slashes}{known}{at}{host}{slash}{path}{mark}{values}"
