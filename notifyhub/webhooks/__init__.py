"""Webhooks: what happens is sent to URLs of the clients' own, signed, in order, until they have taken it."""
