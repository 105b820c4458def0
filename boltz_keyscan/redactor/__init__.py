"""Redaction of keys in files, in place: text and the rows of databases."""
