"""One module per subject: plain functions over a connection, holding the SQL and nothing else. They never commit."""
