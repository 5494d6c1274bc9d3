"""The ledger: what makes the journal evidence. Chains of hashes, signed batches, timestamps, export, and verifying it offline."""
