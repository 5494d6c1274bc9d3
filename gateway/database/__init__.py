"""Storage: the tables, the engine that writes them, one store per subject, and the migrations."""
