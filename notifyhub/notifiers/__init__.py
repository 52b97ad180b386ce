"""Notifiers: the accounts at providers through which SMS and email go out."""
