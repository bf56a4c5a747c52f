"""Tests of `talkqa.transport`."""
