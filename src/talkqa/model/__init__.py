"""The values and protocols that every other package speaks in.

Frozen values and protocols, standard library only. Imports nothing of talkqa and does no I/O.
"""
