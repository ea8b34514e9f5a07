"""How long a browser takes to open a report."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def find_chromium() -> str | None:
    """Return the path of a Chromium, None where there is none."""
    return shutil.which("chromium") or shutil.which("google-chrome")


def measure_open(chromium: str, page: Path, times: int) -> dict[str, Any]:
    """Open a report in a headless Chromium that runs already, each time in a new profile.

    Returns
    -------
    dict
        ``open_s``, the times until the list of errors says what it shows; ``version`` of the
        browser.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        opened = []
        for _ in range(times):
            context = browser.new_context()
            tab = context.new_page()
            start = time.perf_counter()
            tab.goto(page.as_uri())
            tab.get_by_role("status").get_by_text("texts match").wait_for()
            opened.append(time.perf_counter() - start)
            context.close()
        version = browser.version
        browser.close()
    return {"open_s": opened, "version": version}
