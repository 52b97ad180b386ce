"""HTTP under every endpoint: requests and their bodies, JSON, errors, the answers to constraints' violations."""
