"""How each resource behaves: parsing, errors, filters, order, pagination, documentation. Knows none."""
