"""Running the parts as processes: the supervisor and the HTTP server."""
