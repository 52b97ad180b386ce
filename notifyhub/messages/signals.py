"""What messages tell those who get them out."""

from blinker import signal

due = signal("messages-due")
"""Sent after the commit with `ids`, the messages that may go out now."""
