"""Simulated agencies to train and test on: they take real messages over the real channels and answer as observed."""
