"""A page in a real browser, with what it asked for and complained of."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine; install one or name it in the variable CHROMIUM"
)
# How long a page may take on a busy machine, in milliseconds; a test that holds never waits for it.
_PATIENCE_MS = 60_000
sync_api.expect.set_options(timeout=_PATIENCE_MS)
expect = sync_api.expect


@contextmanager
def chromium() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        # Without a sandbox, since containers and some distributions allow none; the pages are our own.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Opened:
    """An open page.

    Attributes:
        page: the page; what is counted on it has to be drawn, so wait with `expect` for what an asynchronous step draws.
        requests: every address that it asked for.
        complaints: errors that it logged or threw.
    """

    page: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def texts(self, selector: str) -> list[str]:
        return [text.strip() for text in self.page.locator(selector).all_text_contents()]


def open_page(
    browser: Any, address: str, *, width: int, scheme: str = "light", scripts: bool = True
) -> Opened:
    """The page after its `load` event; its context is closed with the browser, or by `page.context.close()`."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=scripts
    )
    opened = Opened(context.new_page())
    opened.page.set_default_timeout(_PATIENCE_MS)
    opened.page.on("request", lambda request: opened.requests.append(request.url))
    opened.page.on(
        "console",
        lambda message: (
            opened.complaints.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.page.goto(address)
    return opened


def wait_until(page: Any, expression: str) -> None:
    """Wait for an expression to hold; `page.wait_for_function` needs an `eval` that the pages' security policy refuses."""
    deadline_s = time.monotonic() + _PATIENCE_MS / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < deadline_s, f"{expression}: not within {_PATIENCE_MS / 1000:.0f} s"
        page.wait_for_timeout(50)
