"""What talkqa costs, each row beside a baseline measured in the same run: `python -m benchmarks`.

Plain scripts over talkqa's public functions and its command line. Nothing in src/ or tests/ imports them, but for the
test of the table.
"""
