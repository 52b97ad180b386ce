"""Backup and restore: the embedded database and the keys in one file, while the service runs."""
