"""Health: who delivers, what waits, how well each notifier works, what is wrong with all that."""
