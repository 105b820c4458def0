"""Regular expressions that are compiled at their first use.

Most runs find no key and read no configuration; compiling all patterns took a tenth of a small scan.
"""

from __future__ import annotations

# Not from ``typing``: type checkers know the name.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from re import compile as late_pattern
else:

    class late_pattern:  # noqa: N801 - it takes the place of ``re.compile``
        """Drop-in for ``re.compile``: the methods and attributes of a pattern."""

        def __init__(self, expression, flags=0) -> None:
            self._source = expression, flags

        def __getattr__(self, name):
            """Compile the expression, and keep the attribute."""
            import re  # noqa: PLC0415 - at the first use

            value = getattr(re.compile(*self._source), name)
            setattr(self, name, value)
            return value


__all__ = ["late_pattern"]
