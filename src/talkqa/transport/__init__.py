"""httpx transports for live and recorded runs. The only package that imports vcr."""
