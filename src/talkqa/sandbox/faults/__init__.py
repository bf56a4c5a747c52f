"""Faults of the reference engine, each declared beforehand: what it breaks, what it needs, and which checks see it."""

from talkqa.sandbox.faults.catalogue import KINDS, list_faults, make_behaviour, read_fault
from talkqa.sandbox.faults.fault import Fault, Kind, SeenAs

__all__ = ["KINDS", "Fault", "Kind", "SeenAs", "list_faults", "make_behaviour", "read_fault"]
