"""Described GraphQL systems, emulated."""
