"""A real browser: Debian's Chromium, driven by Playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium")

PATIENCE = 120_000
"""Milliseconds: a busy machine may take its time."""

expect.set_options(timeout=PATIENCE)

NEEDED = "needs a browser: on Debian, apt-get install chromium"
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason=NEEDED)


@contextmanager
def launched() -> Iterator[Browser]:
    """Start the browser, without a screen; a test skips where there is none."""
    if CHROMIUM is None:
        pytest.skip(NEEDED)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
            ],
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page() -> Iterator[Page]:
    """Open a page in a browser of its own."""
    with launched() as browser:
        page = browser.new_page(viewport={"width": 1700, "height": 1000})
        page.set_default_timeout(PATIENCE)
        yield page
