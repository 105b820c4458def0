"""The conformance suite for scanners of Boltz keys: every hiding place, with random keys and a ledger.

Not in the wheel. ``python -m conformance make DIR`` builds the places, ``python -m
conformance score DIR`` lets the scanners that are installed look, and says what each found.

Boundary: builds and counts; nothing here knows how a key is found.
"""
