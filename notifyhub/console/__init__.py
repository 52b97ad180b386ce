"""The operators' console: web pages on which the service is run, over the API's own operations."""
