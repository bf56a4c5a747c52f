"""Packaged descriptors: data files that `talkqa.systems.registry` reads."""
