"""Statistics: how many messages there were, by time, notifier, pattern, status; most counted in advance."""
