"""Differences between operating systems: processes, pipes and the names of Windows.

With ``fsutil`` the only place that asks which system this is; a test checks it.
"""
