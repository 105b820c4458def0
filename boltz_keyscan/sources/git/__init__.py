"""Git sources: whole histories, ranges of revisions, the index, and bundles."""
