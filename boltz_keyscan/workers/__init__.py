"""Worker processes: their start, what goes over the line to them, their death, their time.

The one place that starts Python processes for scans. ``pool`` runs work in them, ``process`` starts
and ends one, ``serve`` is what one does, ``wire`` is the form of messages.
"""
