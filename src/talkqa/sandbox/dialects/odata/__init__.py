"""Described OData services, emulated."""
