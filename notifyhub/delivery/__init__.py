"""Getting a message out."""
