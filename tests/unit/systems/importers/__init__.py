"""Tests of what makes descriptors."""
