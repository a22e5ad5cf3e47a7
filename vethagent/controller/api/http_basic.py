"""Users and passwords of a file, as Apache's htpasswd writes it with ``-B``."""

import collections
import hmac
import logging
import os
import threading
from collections.abc import Mapping

import falcon
import oslo_middleware.exceptions
import webob.exc
from oslo_context.context import RequestContext
from oslo_middleware import basic_auth

from vethagent import exceptions
from vethagent.controller.api import auth
from vethagent.controller.api.stamps import stamp

LOG = logging.getLogger(__name__)

_REMEMBERED = 1024


class UserFileError(exceptions.VethagentError):
    """The file of users cannot be used."""

    code = "USER_FILE_ERROR"


class HttpBasic:
    """``user_file`` is read at each request; ``roles`` has the role of a user, reader if it has none there.

    Raise UserFileError.
    """

    challenge = 'Basic realm="vethagent", charset="UTF-8"'

    def __init__(self, user_file: str, roles: Mapping[str, str]) -> None:
        try:
            auth.check_roles(roles)
        except ValueError as error:
            raise UserFileError(f"[api] http_basic_roles: {error}") from error
        try:
            with open(user_file):  # the library does not tell why it cannot read it
                pass
            basic_auth.validate_auth_file(user_file)
        except (OSError, oslo_middleware.exceptions.ConfigInvalid, webob.exc.HTTPException, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserFileError(f"[api] http_basic_user_file: {user_file} cannot be used: {reason}") from error
        self._user_file = user_file
        self._roles = dict(roles)
        self._proved = _Proved()

    def admit(self, request: falcon.Request) -> None:
        """Everybody may ask."""

    def identify(self, request: falcon.Request) -> RequestContext:
        """Return the user that the Authorization header names and whose password it has; raise UserFileError too."""
        try:
            name, password = basic_auth.parse_token(basic_auth.parse_header(request.env))
        except webob.exc.HTTPException as error:
            raise auth.Unauthorized("a user name and a password are needed") from error
        if not self._is_right(name, password):
            LOG.warning("user %r from %s: wrong name or password", name, request.remote_addr)
            raise auth.Unauthorized("there is no such user, or the password is another one")
        return auth.caller(request, name, self._roles.get(name, "reader"))

    def _is_right(self, name: str, password: bytes) -> bool:
        try:
            # What the file says is part of what is remembered: a password that was changed there counts at once.
            with open(self._user_file, "rb") as file:  # the library does not tell that it cannot read it
                seen = os.fstat(file.fileno())
            proof = (name, password, *stamp(seen))
            if self._proved.has(proof):
                return True
            basic_auth.authenticate(self._user_file, name, password)
        except OSError as error:
            raise UserFileError(f"[api] http_basic_user_file: {self._user_file}: {error.strerror}") from error
        except (ValueError, webob.exc.HTTPException):  # bcrypt refuses more than 72 bytes by ValueError
            return False
        self._proved.add(proof)
        return True


class _Proved:
    """Passwords that were right not long ago: bcrypt is slow on purpose, and a client asks again and again.

    What is kept is a digest with a key that only this process has.
    """

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._lock = threading.Lock()
        self._digests: collections.deque[bytes] = collections.deque(maxlen=_REMEMBERED)

    def has(self, proof: tuple[object, ...]) -> bool:
        digest = self._digest(proof)
        with self._lock:
            return digest in self._digests

    def add(self, proof: tuple[object, ...]) -> None:
        with self._lock:
            self._digests.append(self._digest(proof))

    def _digest(self, proof: tuple[object, ...]) -> bytes:
        return hmac.digest(self._key, repr(proof).encode(), "sha256")
