"""Emulated systems and the reference sync engine. Knows the model alone."""
