"""Pure functions over text: no database, no framework."""
