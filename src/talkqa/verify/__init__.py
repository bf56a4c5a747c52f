"""What steps do: observing, linking, comparing, judging. Reaches systems through their clients alone."""
