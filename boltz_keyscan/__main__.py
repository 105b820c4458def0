"""Entry point of ``python -m boltz_keyscan``."""

from boltz_keyscan.cli import entry

if __name__ == "__main__":
    entry()
