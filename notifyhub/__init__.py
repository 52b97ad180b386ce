"""A self-hosted notification service: SMS and email behind one HTTP API."""
