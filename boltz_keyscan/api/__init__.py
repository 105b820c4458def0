"""The Boltz API, through its official SDK; imported only by what asks.

Everything that leaves for the network passes ``transport``, everything that comes from
there is checked by hand before it is believed. Raw keys are held by ``vault`` and put
into a request at the last moment; the SDK never has one.
"""
