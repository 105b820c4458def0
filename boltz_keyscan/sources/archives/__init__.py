"""Archives, compressed files and documents, opened in memory and looked into.

What is in a container is hostile: it was made by whoever wants to hide a key, to stop
the scan or to take over the machine. Nothing is ever written to a disk; every format is
read here by a small reader of its own, in bounded pieces, under the budgets in
``limits``; and all of it runs in a process that may die (``isolation``).

To add a format: one function in a module here, one row in ``formats``, its first bytes
in ``sources.magic``.

Boundary: bytes of a container to hits and gaps. Which blobs are containers, and where
those stand, is for the sources that met them.
"""
