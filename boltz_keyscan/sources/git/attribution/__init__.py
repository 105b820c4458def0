"""Attribution: the commits that introduced an object, and its paths in them."""
