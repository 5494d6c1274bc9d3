"""The bus: Kafka carries notices between the window's programs. The database is the truth; a lost notice costs time only."""
