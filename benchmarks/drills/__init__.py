"""What becomes of the service when the world around it breaks; run by `benchmarks.faults`."""
