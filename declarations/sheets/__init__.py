"""Spreadsheets of repeating groups: rows of a form from cells, and cells from rows. The files are the adapters' matter."""
