"""Pages in a browser that has no network."""

import pytest

import numpy_attention as na
from tests.support import browser as support


@pytest.fixture(scope="session")
def chromium():
    """Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=support.chromium(), args=support.ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def page_file(tmp_path_factory):
    """The default page as a file."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    na.explain().save(path)
    return path


@pytest.fixture
def open_page(chromium, page_file):
    """open_page(path=…, width=…, scheme=…, hash=…): a page, with `requests` and `messages` as they come."""
    contexts = []

    def opened(path=None, *, width=1280, scheme="light", fragment="", **options):
        context = chromium.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 900}, offline=True,
            reduced_motion="reduce", **options,
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.asked, page.messages = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.messages.append(message.text))
        page.on("pageerror", lambda error: page.messages.append(str(error)))
        page.goto(f"{(path or page_file).as_uri()}{fragment}")
        return page

    yield opened
    for context in contexts:
        context.close()
