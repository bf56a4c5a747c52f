"""Tests of `talkqa.verify`."""
