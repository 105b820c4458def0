"""HTML pages: a scan, a fleet, an audit and a comparison, each as one file that loads nothing.

Jinja2 is imported here only, so that no other format pays for it. ``templates/`` has the markup, the style
and the script.
"""
