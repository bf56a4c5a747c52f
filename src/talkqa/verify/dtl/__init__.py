"""The transform language as the oracle evaluates it: its values, casts, functions and calendar."""
