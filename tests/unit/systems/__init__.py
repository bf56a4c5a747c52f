"""Tests of talkqa.systems."""
