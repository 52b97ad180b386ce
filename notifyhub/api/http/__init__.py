"""HTTP under every endpoint: requests and their bodies, JSON, errors, violations of constraints."""
