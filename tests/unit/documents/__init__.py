"""Tests of talkqa.documents."""
