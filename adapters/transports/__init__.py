"""Ways to hand a message over: a folder both sides see, or HTTP."""
