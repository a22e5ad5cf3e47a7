"""A headless Chromium inside a network namespace, where the API's loopback is."""

import contextlib
import pathlib
import shlex
from collections.abc import Iterator

from playwright import sync_api

from tests.support import namespaces, rest

URL = f"http://127.0.0.1:{rest.PORT}/ui"
#: What Chromium says of all that it is loading when a device of its network gets an address, as after a plug.
NETWORK_CHANGED = "ERR_NETWORK_CHANGED"


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


def visit(page: sync_api.Page) -> None:
    """Open the page, again if the network changed while it was loaded."""
    broken_off: list[sync_api.Request] = []
    page.on("requestfailed", lambda request: broken_off.append(request) if _network_changed(request) else None)
    while True:
        broken_off.clear()
        try:
            page.goto(URL)
        except sync_api.Error as error:
            # Or what Chromium shows in its place is on its way.
            if NETWORK_CHANGED not in str(error) and "chrome-error:" not in str(error):
                raise
            continue
        if not broken_off:
            return


def _network_changed(request: sync_api.Request) -> bool:
    return NETWORK_CHANGED in (request.failure or "")
