"""Tests of one part each, offline and in milliseconds."""
