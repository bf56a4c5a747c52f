"""Exact Online: the client, what it knows of the API, and how far its readings have come."""
