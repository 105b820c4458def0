"""Worker processes: start, messages, death, timeout and budget.

The only place that starts Python processes for scans. ``pool`` distributes work, ``process`` starts and
ends a worker, ``serve`` is the loop of a worker, ``wire`` encodes messages.
"""
