"""The running service: settings, storage, use cases, the API and the command."""
