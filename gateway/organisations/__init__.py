"""Organisations and their people: being let in, roles, invitations, papers, separate duties."""
