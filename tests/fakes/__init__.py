"""Fakes of the protocols in `talkqa.model.protocols`, one module each."""
