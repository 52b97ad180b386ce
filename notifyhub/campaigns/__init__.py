"""Campaigns: a file of recipients becomes messages, in batches, each of them once."""
