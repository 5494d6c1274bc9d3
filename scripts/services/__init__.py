"""PostgreSQL and Kafka on one machine without containers, for development, tests and CI."""
