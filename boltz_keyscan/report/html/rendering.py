"""Templates of the pages, and the content policy that allows their own style and script only."""

from __future__ import annotations

import functools
import hashlib
import os
import re
from base64 import b64encode
from collections.abc import Callable
from typing import TextIO, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from boltz_keyscan._version import __version__
from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.model.kinds import describe_kind
from boltz_keyscan.report.wording import format_day
from boltz_keyscan.sanitize import harmless

_FOLDER = os.path.join(os.path.dirname(__file__), "templates")

_IN_MARKUP = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}
"""JSON escapes of the characters that could end a script element."""

_BUFFERED_CHUNKS = 200

_VERDICT = late_pattern(r"([^:]+): (.*?)(?: \((exit [0-9]+)\))?\.?", re.DOTALL)


Heading = tuple[str, str, str]
"""A verdict as the head of a page shows it: label, text, and the exit code in words, which may be empty."""


@functools.cache
def environment() -> Environment:
    """Return the environment of the templates: every value is made harmless and escaped."""
    made = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=FileSystemLoader(_FOLDER),
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    style, script = _asset("page.css"), _asset("page.js")
    made.globals |= {
        "style": style,
        "script": script,
        "policy": _policy(style, script),
        "version": __version__,
        "describe_kind": describe_kind,
        "format_day": format_day,
    }
    return made


def macro(template: str, name: str) -> Callable[..., Markup]:
    """Return a macro of a template, as a function; a call costs less than a template of its own."""
    return cast("Callable[..., Markup]", getattr(environment().get_template(template).module, name))


def write_page(template: str, stream: TextIO, **context: object) -> None:
    """Write a page."""
    chunks = environment().get_template(template).stream(context)
    chunks.enable_buffering(_BUFFERED_CHUNKS)
    stream.writelines(chunks)


def heading(verdict: str) -> Heading:
    """Return the parts of a verdict in one sentence, such as ``FAILED: 2 keys fail this run (exit 1).``.

    Raises:
        ValueError: it has no label.
    """
    parts = _VERDICT.fullmatch(verdict)
    if parts is None:
        raise ValueError("a verdict begins with a label")
    return parts[1], f"{parts[2][:1].upper()}{parts[2][1:]}", parts[3] or ""


def json_data(text: str) -> Markup:
    """Return JSON as the content of a script element."""
    return Markup(text.translate(_IN_MARKUP))  # noqa: S704 - no character of markup is left


def _finalize(value: object) -> object:
    # A finished piece of markup is left as it is; its values went through here before.
    return _escape(value) if type(value) is str else value


@functools.lru_cache(maxsize=4096)
def _escape(text: str) -> Markup:
    """Return text as harmless markup; thousands of keys share titles, situations and labels."""
    return escape(harmless(text))


def _asset(name: str) -> Markup:
    with open(os.path.join(_FOLDER, name), encoding="utf-8") as file:
        return Markup(file.read())  # noqa: S704 - a file of this package


def _policy(style: str, script: str) -> str:
    """Return the content security policy: by hash, so that nothing else in the page can run or load."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )


def _hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
