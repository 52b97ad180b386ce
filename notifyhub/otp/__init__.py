"""One-time passwords: issued, sent as messages, verified. The codes themselves are stored nowhere."""
