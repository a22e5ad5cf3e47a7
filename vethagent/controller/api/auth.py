"""Who is asking. Without authentication: who is on this host, and nobody else."""

import ipaddress
import socket
from collections.abc import Mapping
from typing import Protocol

import falcon
from oslo_context.context import RequestContext

from vethagent import exceptions
from vethagent.controller.api import errors
from vethagent.controller.api.errors import Forbidden
from vethagent.controller.errors import OperationError

#: What Keystone has by default, each with those below it.
ROLES = ("admin", "member", "reader")


class NotLoopback(exceptions.VethagentError):
    """The API would be served without authentication to other hosts."""

    code = "NOT_LOOPBACK"


class Unauthorized(OperationError):
    """Nobody, or somebody who could not prove who it is."""

    code = "UNAUTHORIZED"


class Authentication(Protocol):
    """One strategy; ``challenge`` is the WWW-Authenticate of an answer that refuses."""

    challenge: str

    def admit(self, request: falcon.Request) -> None:
        """Raise Forbidden if nothing at all is served to where ``request`` comes from."""

    def identify(self, request: falcon.Request) -> RequestContext:
        """Return who is asking; raise Unauthorized."""


class Noauth:
    """Everybody on this host may do everything: also holds behind a server that listens on every address."""

    challenge = ""

    def admit(self, request: falcon.Request) -> None:
        """Raise Forbidden unless the request came from this host."""
        # Never the client's word for it, as in X-Forwarded-For.
        if not is_loopback(request.env.get("REMOTE_ADDR", "")):
            raise Forbidden("without authentication only requests from this host are served")
        # A page from elsewhere may have its name resolved to this host, and a browser here would send its requests.
        if not _names_this_host(request):
            raise Forbidden("without authentication the API is called localhost or by a loopback address")

    def identify(self, request: falcon.Request) -> RequestContext:
        """Return somebody without a name who has every role."""
        return caller(request, None, "admin")


def check_roles(roles: Mapping[str, str]) -> None:
    """Raise ValueError unless there is each of the roles of users."""
    if wrong := sorted(set(roles.values()) - set(ROLES)):
        raise ValueError(f"there is no role {wrong[0]!r}, only {', '.join(ROLES)}")


def caller(request: falcon.Request, name: str | None, role: str) -> RequestContext:
    """Return the user ``name`` with ``role`` and all roles below, for the whole system as links are part of it."""
    roles = list(ROLES[ROLES.index(role) :])
    return RequestContext(
        user_id=name, user_name=name, roles=roles, system_scope="all", request_id=errors.request_id(request)
    )


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
        raise NotLoopback(
            f"[api] auth_strategy = noauth is served on loopback only, not on {', '.join(outside)}: "
            "choose http_basic or keystone"
        )
