"""From what others publish about a system's API to a descriptor that a person reads and edits."""
