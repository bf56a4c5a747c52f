"""The tests of talkqa."""
