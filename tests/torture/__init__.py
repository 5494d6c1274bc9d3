"""The torture: real processes of the window are killed, cut off, filled up and confused, and an oracle outside looks for broken
promises.

    python -m tests.torture                      the short seeded set: kills and faults, both backends
    python -m tests.torture --rounds 1000        that many kills on each backend, spread over all points
    python -m tests.torture sabotage             every test once on a build broken on purpose: each must find something
    python -m tests.torture report               adds up docs/torture-results.csv in docs/reliability.md

A *round* is one SIGKILL of a real process at a named point, restart, quiet, oracle. Rounds are cheap because processes are forked
from one that has imported everything and read the tables, and several *lanes* (own database, agencies, ports) run side by side.
"""
