"""The delivery, against simulated providers."""
