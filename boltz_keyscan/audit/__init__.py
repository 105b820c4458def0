"""Audit of keys that have not leaked: those of an organisation, and those on this machine."""
