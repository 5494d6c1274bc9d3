"""Alembic migrations of the window's own database."""
