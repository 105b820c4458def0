"""Archives, compressed files and documents, opened and scanned in memory.

The content of a container is hostile: it may hide a key, stop the scan or attack the machine.
Nothing is written to a disk; each format has a small reader of its own, in bounded pieces, under
the budgets in ``limits``, in a worker process that may die (``workers.scan_pool``).

To add a format: one function in a module here, and one row in ``sources.signatures``.
"""
