"""Logging in: passwords, second factors, certificates, OpenID Connect, machines; and the sessions that follow."""
