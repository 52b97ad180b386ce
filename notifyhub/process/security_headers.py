"""What every answer tells browsers: the application's, and those of the server beneath it.

After OWASP's cheat sheets for REST and for headers. Most answers are JSON, which no browser need ever show: a
page that is one after all gets nothing to load, to run, or to be framed by.
"""

POLICY = "Content-Security-Policy"

OF_ALL = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    # Not for CORS: what asks by it is held to the origins that are allowed.
    ("Cross-Origin-Resource-Policy", "same-origin"),
)

NO_CONTENT = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The policy of answers that have none of their own."""

OF_PAGES = (
    ("Cross-Origin-Opener-Policy", "same-origin"),
    (
        "Permissions-Policy",
        "camera=(), display-capture=(), fullscreen=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
)

OVER_TLS = ("Strict-Transport-Security", "max-age=31536000")
"""For a year browsers come by https alone; other names below this one's domain are not ours to speak for."""
