"""Events of a run to HTML, JUnit and a summary."""
