"""``/ui``: the page, files that are the same for everybody. What it shows it asks the API for, like any client."""

import hashlib
import importlib.resources
import pathlib

import falcon

from vethagent.controller.errors import NotFound

_INDEX = "index.html"
_MEDIA = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
#: Nothing from elsewhere, nothing within the markup, and no other page around this one.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Asked for again each time and answered with 304: after an upgrade no file of two versions meets another.
    "Cache-Control": "no-cache",
}


class Entry:
    """``/ui`` itself."""

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """Send the browser to the page: the names of its files are relative to that."""
        raise falcon.HTTPFound(f"{request.root_path}/ui/{_INDEX}")


class Page:
    """The files, read once."""

    def __init__(self) -> None:
        folder = importlib.resources.files("vethagent.controller.dashboard")
        self._files = {
            entry.name: entry.read_bytes() for entry in folder.iterdir() if pathlib.Path(entry.name).suffix in _MEDIA
        }

    def on_get(self, request: falcon.Request, response: falcon.Response, name: str) -> None:
        """Show one file; raise NotFound."""
        content = self._files.get(name)
        if content is None:
            raise NotFound(f"the page has no file {name!r}")
        response.set_headers(_HEADERS)
        tag = hashlib.blake2b(content, digest_size=8).hexdigest()
        response.etag = tag
        if tag in (request.if_none_match or ()):
            response.status = 304
        else:
            response.content_type = _MEDIA[pathlib.Path(name).suffix]
            response.data = content

    on_head = on_get
