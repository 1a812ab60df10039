"""One HTML file that loads nothing: style and script inline, each allowed by its SHA-256 and no other."""

import base64
import hashlib
import json
import re
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

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
    style = _unindented(asset("style.css"))
    scripts, own = ("", "") if data is None else _scripts(data)
    policy = f"default-src 'none'; {own}style-src {_hash(style)}; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n{body}\n"
        f"{scripts}</body>\n</html>\n"
    )


def _scripts(data: Any) -> tuple[str, str]:
    """The data and the script as HTML, and what the policy says of the script."""
    script = "(() => {\n'use strict';\n" + "".join(asset(f"{name}.js") for name in SCRIPTS) + "})();\n"
    script = _unindented(script)
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    safe = text.replace("<", "\\u003c")
    html = f'<script type="application/json" id="data">{safe}</script>\n<script>{script}</script>\n'
    return html, f"script-src {_hash(script)}; "


def _unindented(text: str) -> str:
    return re.sub("(?m)^ +", "", text)


def _hash(text: str) -> str:
    """The source expression of a Content-Security-Policy for an inline element."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
