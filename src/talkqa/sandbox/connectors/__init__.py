"""How the reference engine speaks to the systems: over their HTTP APIs, as a user of its own."""
