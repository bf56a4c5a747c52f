"""A second sync engine, which shares no code with the sandbox's reference engine.

It is told of changes by webhooks instead of polling, compares everything now and then for what it was not told, keeps
its links as JSON text under digests, lets the edit win that it hears of last, and has a private mapping of its own.
Of talkqa it uses model values alone, as its configuration.
"""
