"""The backends, against simulated providers."""
