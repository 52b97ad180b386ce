"""Who calls, and what they may do: users, tokens, permission codes."""
