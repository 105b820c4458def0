"""Files, pipes and standard input as shards."""
