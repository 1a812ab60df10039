"""One HTML file that loads nothing: style and script inline, each allowed by its SHA-256 and no other."""

import base64
import hashlib
import json
import re
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

SCRIPTS = ("format", "arithmetic", "state", "choose", "break", "move", "predict", "project", "run", "start")
"""The files of the script, in order."""


@cache
def asset(name: str) -> str:
    """The text of a file of `assets`."""
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")


def document(title: str, body: str, data: Any = None) -> str:
    """The whole file.

    Parameters
    ----------
    title, body : the title as text, the body as HTML
    data : what the script reads, as JSON values without NaN or infinities; None for a page without a script

    Examples
    --------
    >>> page = document("T", "<h1>T</h1>", {"scenes": []})
    >>> page.startswith("<!doctype html>"), "http" in page.partition("<body>")[0].replace("http-equiv", "")
    (True, False)
    """
    style = _inline("style.css")
    scripts, own = ("", "") if data is None else _scripts(data)
    policy = f"default-src 'none'; {own}style-src {style.hash}; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style.text}</style>\n</head>\n<body>\n{body}\n"
        f"{scripts}</body>\n</html>\n"
    )


def _scripts(data: Any) -> tuple[str, str]:
    """The data and the script as HTML, and what the policy says of the script."""
    script = _inline(*(f"{name}.js" for name in SCRIPTS))
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    safe = text.replace("<", "\\u003c")
    html = f'<script type="application/json" id="data">{safe}</script>\n<script>{script.text}</script>\n'
    return html, f"script-src {script.hash}; "


class _Inline(NamedTuple):
    """An inline element's text, and its source expression in a Content-Security-Policy."""

    text: str
    hash: str


@cache
def _inline(*names: str) -> _Inline:
    """Assets as one text without indentation; scripts in a function of their own."""
    text = "".join(map(asset, names))
    if names[0].endswith(".js"):
        text = f"(() => {{\n'use strict';\n{text}}})();\n"
    text = re.sub("(?m)^ +", "", text)
    return _Inline(text, f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'")
