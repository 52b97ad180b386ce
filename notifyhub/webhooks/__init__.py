"""Webhooks: what happens is told to URLs of the clients' own, signed, in order, until they have taken it."""
