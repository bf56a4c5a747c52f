"""Exhaustive small worlds: every way in which a few edits of two linked pairs can fall between the steps of an engine.

Two records of one entity, each linked to a record of another system, two properties each; people edit, the engine
reads, looks and writes, in every order that there is. The engine's decisions are those of `talkqa.sandbox.decision`;
what must come of them is said by an oracle that knows the edits and not the decisions.
"""
