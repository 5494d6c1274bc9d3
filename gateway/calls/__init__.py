"""Ships' calls: what ties the filings of one ship's stay together, its port clearance, and what happens after that was issued."""
