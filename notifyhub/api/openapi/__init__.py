"""The OpenAPI document, written from the endpoints' declarations, and the pages that show it."""
