"""Fleets: many repositories scanned as one piece of work, with one finding for each key.

``sources`` lists the repositories, ``mirror`` brings those with an address here, ``unit`` scans one,
``engine`` distributes them, ``store`` keeps the results, ``run`` does it all, ``result`` reads it back.
"""
