"""Pack files, read without git: index, deltas, checks, recovery."""
