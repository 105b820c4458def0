"""Hygiene of keys that have not leaked: those of an organisation, and those kept on this machine."""
