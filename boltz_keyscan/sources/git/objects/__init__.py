"""The objects of a repository: listed, read through git, and remembered between scans."""
