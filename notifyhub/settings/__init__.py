"""What holds for the whole installation: the notifiers that are used by default, and one-time passwords' shape."""
