"""A repository on disk: where it keeps what, its references and index, and its limits."""
