"""The business rules of the vessel form, a module for each subject, and the tables they decide by."""
