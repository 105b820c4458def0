"""Worker processes: start, messages, death, timeout and budget.

The only place that starts Python processes for scans. ``scan_pool`` has the workers of a run,
``archive_queue`` the order and budget of its archives. ``pool`` distributes work, ``process`` starts and ends
a worker, ``serve`` is the loop of a worker, ``wire`` encodes messages. ``isolated`` is a process with an
environment of its own, and ``programs`` runs short programs.
"""
