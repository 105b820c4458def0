"""Git objects: listing, reading, and the cache between scans."""
