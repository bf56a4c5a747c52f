"""Tests of talkqa.checklist."""
