"""Git processes: the only place that starts them, without configuration of the scanned repository."""
