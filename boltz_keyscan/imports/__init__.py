"""Import of reports of other scanners: each Boltz key in one becomes a finding, with its places.

A format is one module with two functions, ``recognizes(item)`` and ``entries(item)``, and one line in
``formats.FORMATS``. A reader returns the text of a secret as the report has it; ``result`` gives it to the
detector at once, and keeps the fingerprint.
"""
