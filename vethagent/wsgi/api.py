"""``vethagent.wsgi.api:application``, the REST API for any WSGI server.

It is made with the first request and not with the import: servers import first and fork then, and connections do not
survive that. The configuration is in the default files of ``vethagent-api`` and in the environment
(``OS_DATABASE__CONNECTION`` and the like), as the command line is the server's.
"""

from vethagent.cmd import bootstrap

bootstrap.choose("threading")

import json
import logging
import threading
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from oslo_config import cfg

from vethagent import conf as options
from vethagent import exceptions
from vethagent.cmd import common, serving

bootstrap.imported()

LOG = logging.getLogger(__name__)

#: Whose files it reads. Its module is not imported: Ctrl-C is for the server to hear.
_PROG = "vethagent-api"


class _Application:
    """Made in two steps, each done once: what the database refuses today it may give tomorrow."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._configured = False
        self._made: WSGIApplication | None = None

    def get(self) -> WSGIApplication:
        """Return the application; raise StartError."""
        with self._lock:
            if not self._configured:
                common.configure(cfg.CONF, _PROG, options.list_api_opts, [])
                self._configured = True
            if self._made is None:
                self._made = serving.build(cfg.CONF)
            return self._made


_application = _Application()


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Serve one request."""
    try:
        made = _application.get()
    except exceptions.VethagentError as error:
        LOG.error("the API cannot be served yet: %s", error)
        message = "the API cannot be served yet, its log says why"
        body = {"error": {"code": "DATABASE_UNAVAILABLE", "message": message, "field": None, "request_id": None}}
        start_response("503 Service Unavailable", [("Content-Type", "application/json")])
        return [json.dumps(body).encode()]
    return made(environ, start_response)
