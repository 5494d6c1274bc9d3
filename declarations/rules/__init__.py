"""Business rules: what a form's schema cannot say. One function a rule, its words in mappings/rules/<form>.csv."""
