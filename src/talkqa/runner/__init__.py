"""The pytest plugin. The only package that imports pytest and pytest_bdd."""
