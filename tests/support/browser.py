"""Chromium by Playwright, and axe-core, for tests of the page that `explain --html` writes."""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

REQUIRED = "NUMPY_ATTENTION_BROWSER"
"""Set to "required", what is missing is a failure and not a skip."""

AXE = "NUMPY_ATTENTION_AXE"
"""The path of axe.min.js of npm's axe-core; node_modules/axe-core/axe.min.js if it is not set."""

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip


def chromium() -> str | None:
    """The path of Debian's Chromium, or of Chrome."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def axe() -> Path:
    """The path of axe.min.js."""
    return Path(os.environ.get(AXE, "node_modules/axe-core/axe.min.js"))


def require_browser() -> None:
    """Skip the rest of a test file, and say why, where something is missing; fail if it is required."""
    lacks = missing()
    if lacks and os.environ.get(REQUIRED) == "required":
        pytest.fail(lacks, pytrace=False)
    if lacks:
        pytest.skip(lacks, allow_module_level=True)


def missing() -> str:
    """What a test of the page lacks here; "" if nothing."""
    lacks = []
    if importlib.util.find_spec("playwright") is None:
        lacks.append("playwright (pip install playwright)")
    if chromium() is None:
        lacks.append("chromium (apt-get install chromium)")
    if not axe().is_file():
        lacks.append(f"axe-core (npm pack axe-core; {AXE}=…/axe.min.js)")
    return f"the page was opened in no browser: {', '.join(lacks)} not found" if lacks else ""
