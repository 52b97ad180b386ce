"""Notifiers, patterns, settings and webhooks from a file, for installations that are set up by programs."""
