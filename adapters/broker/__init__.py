"""Kafka as far as all its users share it: writing and reading that outlive their broker, within bounds of time.

aiokafka recovers from much by itself, but not from all: an idempotent producer that failed once fails for ever
(aio-libs/aiokafka#1017) and waits for a dead broker without end; a consumer may stop for good after a restart or a rebalance
(#1154). So both are watched here, given up and begun again.
"""

import logging

# while a broker is away it says so thirty times a second; what matters of it is said here
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
