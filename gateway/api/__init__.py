"""The HTTP door, `/api/v1`: each handler reads the request, calls one use case and replies."""
