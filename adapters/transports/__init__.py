"""Ways to hand a message over: a folder both sides see, HTTP, or a Kafka topic."""
