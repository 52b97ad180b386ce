"""Metrics: what Prometheus reads: what processes have counted, and what the rows tell."""
