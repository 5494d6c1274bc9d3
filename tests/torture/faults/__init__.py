"""Faults other than a kill: brokers, databases, clocks, disks, slow agencies, and people who do two things at once."""
