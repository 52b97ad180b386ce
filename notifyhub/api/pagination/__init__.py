"""Lists: filters, order, and the two kinds of pages, by offset and by cursor."""
