"""httpx transports: live with budget and retry, recording and replaying, faults of the wire."""
