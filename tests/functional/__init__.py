"""Whole projects, run as a user runs them."""
