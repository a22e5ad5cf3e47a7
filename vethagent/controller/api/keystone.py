"""Tokens of Keystone."""

from wsgiref.types import WSGIApplication

import falcon
from keystoneauth1.exceptions import AuthPluginException
from keystonemiddleware import auth_token
from oslo_config import cfg
from oslo_context.context import RequestContext

from vethagent import exceptions
from vethagent.controller.api import auth


class KeystoneNotConfigured(exceptions.VethagentError):
    """Nothing says where Keystone is, or who this service is there."""

    code = "KEYSTONE_NOT_CONFIGURED"


class Keystone:
    """What ``validated`` has found out of the token."""

    challenge = "Keystone"

    def admit(self, request: falcon.Request) -> None:
        """Everybody may ask."""

    def identify(self, request: falcon.Request) -> RequestContext:
        """Return the user of the token."""
        if request.env.get("HTTP_X_IDENTITY_STATUS") != "Confirmed":
            raise auth.Unauthorized("a token of Keystone is needed, and a valid one")
        return RequestContext.from_environ(request.env)


def validated(application: WSGIApplication, conf: cfg.ConfigOpts) -> WSGIApplication:
    """Return ``application`` behind what asks Keystone about tokens, and takes out what a client says of itself.

    Whether a token is needed is known only when the route is: so nothing is refused here. Raise KeystoneNotConfigured.
    """
    try:
        wrapped: WSGIApplication = auth_token.AuthProtocol(
            application, {"oslo_config_config": conf, "delay_auth_decision": True}
        )
    except (AuthPluginException, cfg.Error) as error:
        raise KeystoneNotConfigured(f"[keystone_authtoken] cannot be used: {error}") from error
    section = conf.keystone_authtoken.auth_section
    if section and not conf[section].auth_type:
        raise KeystoneNotConfigured(f"[keystone_authtoken] auth_section: [{section}] has no auth_type, or is not there")
    if not section and not conf.keystone_authtoken.auth_type:
        raise KeystoneNotConfigured("[keystone_authtoken] auth_type: it takes the way to Keystone, and a user there")
    return wrapped
