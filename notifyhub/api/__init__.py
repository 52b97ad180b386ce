"""How every resource behaves: parsing, errors, filters, ordering, pagination, documentation. Knows no resource."""
