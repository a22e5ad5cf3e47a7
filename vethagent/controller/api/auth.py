"""Who may come in. Without authentication: who is on this host, and nobody else."""

import ipaddress
import socket

import falcon

from vethagent import exceptions
from vethagent.controller.api.errors import Forbidden


class NotLoopback(exceptions.VethagentError):
    """The API would be served without authentication to other hosts."""

    code = "NOT_LOOPBACK"


class LoopbackOnly:
    """Middleware for ``noauth``: also holds behind a server that listens on every address."""

    def process_request(self, request: falcon.Request, response: falcon.Response) -> None:
        """Raise Forbidden unless the request came from this host."""
        # Never the client's word for it, as in X-Forwarded-For.
        if not is_loopback(request.env.get("REMOTE_ADDR", "")):
            raise Forbidden("without authentication only requests from this host are served")
        # A page from elsewhere may have its name resolved to this host, and a browser here would send its requests.
        if not _names_this_host(request):
            raise Forbidden("without authentication the API is called localhost or by a loopback address")


def _names_this_host(request: falcon.Request) -> bool:
    try:
        name = request.host.lower()
    except ValueError:  # what follows the colon is no port
        return False
    return name == "localhost" or is_loopback(name.strip("[]"))


def is_loopback(address: str) -> bool:
    """Return whether ``address`` is an IP address of the loopback."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


def require_loopback(host: str) -> None:
    """Raise NotLoopback unless everything that ``host`` resolves to is the loopback."""
    try:
        found = socket.getaddrinfo(host or None, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise NotLoopback(f"{host!r} cannot be resolved: {error.strerror}") from error
    if outside := sorted({str(entry[4][0]) for entry in found if not is_loopback(str(entry[4][0]))}):
        raise NotLoopback(f"the API has no authentication and is served on loopback only, not on {', '.join(outside)}")
