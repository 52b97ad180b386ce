"""Notifiers, patterns and settings from a file, for installations that are set up by programs."""
