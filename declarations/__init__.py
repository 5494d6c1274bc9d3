"""The trade itself: forms, tables, rules, agency messages and states. Knows no HTTP, SQL, Kafka, clock or network."""
