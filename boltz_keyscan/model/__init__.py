"""Data that the stages of a scan exchange: frozen, without behaviour, and without a raw key."""
