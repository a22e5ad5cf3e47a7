"""A headless Chromium inside a network namespace, where the API's loopback is."""

import contextlib
import pathlib
import shlex
from collections.abc import Iterator

from playwright import sync_api

from tests.support import namespaces, rest

URL = f"http://127.0.0.1:{rest.PORT}/ui"


@contextlib.contextmanager
def chromium(folder: pathlib.Path, namespace: namespaces.Namespace | None = None) -> Iterator[sync_api.Browser]:
    """Start Debian's Chromium; Playwright speaks to it over pipes, so the namespace is no wall between them."""
    command = ["chromium"] if namespace is None else namespace.command("chromium")
    wrapper = folder / "chromium"
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    wrapper.chmod(0o755)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=wrapper, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"], timeout=60_000
        )
        try:
            yield browser
        finally:
            browser.close()
