"""The conformance suite for scanners of Boltz keys: every hiding place, with random keys and a ledger.

Not in the wheel. ``python -m conformance make DIR`` builds the places, ``python -m conformance score DIR``
runs the installed scanners and reports the findings of each. Independent of the detector.
"""
