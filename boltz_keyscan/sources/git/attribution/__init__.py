"""The commits that brought an object in, and the paths it has in them."""
