"""Settings of Sphinx for the site; ``make docs`` lays the pages out for it."""

from __future__ import annotations

from boltz_keyscan import __version__

project = "boltz-keyscan"
author = "The boltz-keyscan maintainers"
release = __version__
html_title = f"boltz-keyscan {__version__}"

extensions = ["myst_parser"]
# The links and anchors of GitHub, where the pages are read as well.
myst_heading_anchors = 4
myst_enable_extensions = ["deflist"]
root_doc = "README"
exclude_patterns = ["_site"]
nitpicky = True

html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
