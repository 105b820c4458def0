"""Client of the Boltz API, built on its official SDK; imported only by commands that use the network.

Every request passes ``transport``, and every response is checked before it is used. ``secret`` holds
raw keys and adds one to a request at the last moment; the SDK never has one.
"""
