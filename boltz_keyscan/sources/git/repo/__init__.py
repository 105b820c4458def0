"""Repositories on disk: paths, references, index, object store."""
