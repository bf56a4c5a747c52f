"""Tests of `talkqa.config`."""
