"""Tokens of Keystone."""

import threading
from typing import Any
from wsgiref.types import WSGIApplication

import falcon
from keystoneauth1.exceptions import AuthPluginException, ClientException, NotFound
from keystonemiddleware import auth_token, opts
from keystonemiddleware.exceptions import ConfigurationError
from oslo_config import cfg
from oslo_context.context import RequestContext

from vethagent import exceptions
from vethagent.controller.api import auth

#: Seconds for an answer of Keystone, for which the library would wait for ever, and how often it is asked once more.
_LIMITS = {"http_connect_timeout": 5, "http_request_max_retries": 1}
#: In the environment of a request: why Keystone could not be asked about its token.
_UNASKED = "vethagent.keystone"


class KeystoneNotConfigured(exceptions.VethagentError):
    """Nothing says where Keystone is, or who this service is there."""

    code = "KEYSTONE_NOT_CONFIGURED"


class KeystoneUnavailable(exceptions.VethagentError):
    """Keystone did not tell whether a token is good."""

    code = "KEYSTONE_UNAVAILABLE"


class _Tokens(auth_token.AuthProtocol):
    """Takes down in the environment of a request that Keystone could not be asked about its token.

    By itself it takes such a token for a bad one, so that a client would be told to look for another.
    """

    def __init__(self, application: WSGIApplication, conf: dict[str, Any]) -> None:
        self._unasked = threading.local()
        super().__init__(application, conf)
        # By itself with the first request: each would fail if the library for memcached_servers is not there.
        self._token_cache.initialize({})

    def process_request(self, request: Any) -> Any:
        self._unasked.why = None
        response = super().process_request(request)
        request.environ[_UNASKED] = self._unasked.why
        return response

    def fetch_token(self, token: str, **options: Any) -> Any:
        try:
            return super().fetch_token(token, **options)
        except (ClientException, auth_token.InvalidToken) as error:
            why = error.__context__ if isinstance(error, auth_token.InvalidToken) else error
            if why is None or isinstance(why, NotFound):
                raise  # Keystone does not know it
            self._unasked.why = exceptions.named(why)
            raise auth_token.InvalidToken(self._unasked.why) from error


class Keystone:
    """What ``validated`` has found out of the token."""

    challenge = "Keystone"

    def admit(self, request: falcon.Request) -> None:
        """Everybody may ask."""

    def identify(self, request: falcon.Request) -> RequestContext:
        """Return the user of the token; raise KeystoneUnavailable too."""
        if why := request.env.get(_UNASKED):
            raise KeystoneUnavailable(why)
        if request.env.get("HTTP_X_IDENTITY_STATUS") != "Confirmed":
            raise auth.Unauthorized("a token of Keystone is needed, and a valid one")
        return RequestContext.from_environ(request.env)


def validated(application: WSGIApplication, conf: cfg.ConfigOpts) -> WSGIApplication:
    """Return ``application`` behind what asks Keystone about tokens, and takes out what a client says of itself.

    Whether a token is needed is known only when the route is: so nothing is refused here. Raise KeystoneNotConfigured.
    """
    for group, options in opts.list_auth_token_opts():
        conf.register_opts([option for option in options if option.name in _LIMITS], group=group)
        for name, value in _LIMITS.items():
            conf.set_default(name, value, group=group)
    try:
        wrapped: WSGIApplication = _Tokens(application, {"oslo_config_config": conf, "delay_auth_decision": True})
    except ImportError as error:
        raise KeystoneNotConfigured(
            f"[keystone_authtoken] memcached_servers: a library is not installed, most likely python-memcached: {error}"
        ) from error
    except (AuthPluginException, cfg.Error, ConfigurationError, OSError) as error:
        raise KeystoneNotConfigured(f"[keystone_authtoken] cannot be used: {error}") from error
    section = conf.keystone_authtoken.auth_section
    if section and not conf[section].auth_type:
        raise KeystoneNotConfigured(f"[keystone_authtoken] auth_section: [{section}] has no auth_type, or is not there")
    if not section and not conf.keystone_authtoken.auth_type:
        raise KeystoneNotConfigured("[keystone_authtoken] auth_type: it takes the way to Keystone, and a user there")
    return wrapped
