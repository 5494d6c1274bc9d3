"""How agencies are reached: transports, signing and simulated agencies. Imports only declarations."""
