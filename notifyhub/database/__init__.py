"""How data is kept: the base of the models, columns, connections, encryption."""
