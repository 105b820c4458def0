"""Pack files, read without git: their index, their deltas, and what is damaged in them."""
