"""boltz-keyscan: find, classify and trace Boltz API keys in files and git history.

The package root holds the version and nothing that costs import time: the hook pays
for every module loaded here on every commit.
"""

__version__ = "0.1.0"
