"""What holds for the whole installation: the default notifiers, and one-time passwords' shape."""
