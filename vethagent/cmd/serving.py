"""The API and its own HTTP server, as the configuration wants them."""

import atexit
import logging
from wsgiref.types import WSGIApplication

import oslo_middleware
from oslo_config import cfg

from vethagent.cmd import common
from vethagent.controller.api import app, auth, policies
from vethagent.controller.api.server import ApiServer, ListenError
from vethagent.controller.db.database import Database
from vethagent.controller.liveness import Liveness
from vethagent.rpc.agent_api import AgentAPI

LOG = logging.getLogger(__name__)


def build(conf: cfg.ConfigOpts) -> WSGIApplication:
    """Return the application as ``conf`` wants it; raise StartError. Nothing of it ends before the process does."""
    database = common.open_database(conf)
    database.say()
    agent_api = AgentAPI(common.open_transport(conf))
    atexit.register(common.notify(conf, "api", database))
    return application(conf, database, agent_api, common.liveness(conf, database))


def application(conf: cfg.ConfigOpts, database: Database, agent_api: AgentAPI, liveness: Liveness) -> WSGIApplication:
    """Return the WSGI application; raise UserFileError."""
    made = app.build(
        database,
        agent_api,
        liveness=liveness,
        authentication=_authentication(conf),
        rules=policies.Rules(conf),
        max_body=conf.api.max_body_size,
        rate_limit=conf.api.rate_limit,
    )
    if conf.api.auth_strategy == "noauth":
        return made  # and no header is asked where the request came from
    if conf.api.auth_strategy == "keystone":
        from vethagent.controller.api import keystone

        made = keystone.validated(made, conf)
    proxied: WSGIApplication = oslo_middleware.HTTPProxyToWSGI(made, conf)
    return proxied


def api_server(conf: cfg.ConfigOpts, served: WSGIApplication) -> ApiServer:
    """Return a server of ``served``, not started yet; raise NotLoopback or ListenError."""
    if conf.api.auth_strategy == "noauth":
        auth.require_loopback(conf.api.host)
    elif conf.api.certificate_file is None and not auth.is_loopback(conf.api.host):
        LOG.warning("passwords and tokens come in clear unless there is TLS: see [api] certificate_file")
    if conf.api.key_file is not None and conf.api.certificate_file is None:
        raise ListenError("[api] key_file: it is of no use without a certificate_file, and nothing would be encrypted")
    return ApiServer(
        served,
        host=conf.api.host,
        port=conf.api.port,
        max_body=conf.api.max_body_size,
        threads=conf.api.threads,
        certificate=conf.api.certificate_file,
        key=conf.api.key_file,
    )


def _authentication(conf: cfg.ConfigOpts) -> auth.Authentication:
    # Each strategy has libraries that the others do without.
    if conf.api.auth_strategy == "http_basic":
        from vethagent.controller.api.http_basic import HttpBasic

        return HttpBasic(conf.api.http_basic_user_file, conf.api.http_basic_roles)
    if conf.api.auth_strategy == "keystone":
        from vethagent.controller.api.keystone import Keystone

        return Keystone()
    return auth.Noauth()
