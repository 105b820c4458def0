"""Sources of bytes: files, archives, git repositories, standard input.

A source cuts itself into shards, lazily, and later returns for the few hits their location and
exposure. It passes bytes to a ``Detector`` and knows nothing of keys. What cannot be read
becomes a ``Gap``.
"""
