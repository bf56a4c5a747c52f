"""What holds of benchmarks/."""
