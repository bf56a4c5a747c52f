"""Clients of the systems, record factory and packaged descriptors."""
