"""What steps do: observing, linking, comparing, judging."""
