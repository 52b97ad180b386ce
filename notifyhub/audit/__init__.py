"""The audit: who has changed what, when, and from where."""
