"""Flows to checks: derivation, ids, tags and the phrases of the steps."""
