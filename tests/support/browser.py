"""A headless Chromium inside a network namespace, where the API's loopback is."""

import contextlib
import pathlib
import shlex
from collections.abc import Iterator

from playwright import sync_api

from tests.support import namespaces, rest

URL = f"http://127.0.0.1:{rest.PORT}/ui"


@contextlib.contextmanager
def chromium(namespace: namespaces.Namespace, folder: pathlib.Path) -> Iterator[sync_api.Browser]:
    """Start Debian's Chromium; Playwright speaks to it over pipes, so the namespace is no wall between them."""
    wrapper = folder / "chromium"
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(namespace.command("chromium"))} "$@"\n')
    wrapper.chmod(0o755)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=wrapper, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"], timeout=60_000
        )
        try:
            yield browser
        finally:
            browser.close()
