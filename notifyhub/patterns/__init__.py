"""Patterns: texts with placeholders. Those of SMS a provider has approved."""
