"""Tests of talkqa.generate."""
