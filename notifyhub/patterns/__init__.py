"""SMS patterns: texts with placeholders that a provider has approved."""
