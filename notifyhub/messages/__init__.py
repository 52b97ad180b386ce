"""Messages: composed from a request, stored, listed. Getting them out is the work of `delivery`."""
