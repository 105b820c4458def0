"""Readings of text that a program laid out: dumps, records, tables, spaced characters, markup.

Each takes the layout away and keeps the place of every byte. Nothing proves that the pieces belong
together, so only confirmed keys are taken from these readings.
"""
