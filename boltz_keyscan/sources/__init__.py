"""Where bytes come from.

A source cuts itself into shards, lazily, and later says for the few hits where they
stand and how far they have spread. It hands bytes to a ``model.Detector`` it is given
and knows nothing of keys. Whatever could not be read becomes a ``model.Gap``.
"""
