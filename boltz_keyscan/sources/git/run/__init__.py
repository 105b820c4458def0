"""Processes of git: the only place that starts them, with no configuration of the scanned repository."""
