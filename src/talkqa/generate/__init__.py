"""Checks to feature files and thin test modules: plan, show, write."""
