"""talkqa: makes the dataflow documents of a two-way sync engine executable.

Documents in; a flow model, a checklist, pytest-bdd scenarios, verdicts with evidence and a report out.
"""

__version__ = "0.1.0"
