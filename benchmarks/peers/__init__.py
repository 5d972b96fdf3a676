"""Other libraries on the same inputs as ours, each in an environment of its own."""
