"""Clients of the systems, record factory and packaged descriptors.

Used by verify and the runner; judges nothing and knows nothing of the sandbox behind a base URL.
"""
