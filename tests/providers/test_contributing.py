"""The further provider that CONTRIBUTING shows: it is one, as it stands there."""
