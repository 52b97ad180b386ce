"""Backups: what they hold, and that they bring it back."""
