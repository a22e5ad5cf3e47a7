"""``vethagent.wsgi.api:application``, the REST API for any WSGI server.

It is made with the first request and not with the import: servers import first and fork then, and connections do not
survive that. The configuration is in the default files of ``vethagent-api`` and in the environment
(``OS_DATABASE__CONNECTION`` and the like), as the command line is the server's.
"""

import threading
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from oslo_config import cfg

from vethagent import conf as options
from vethagent.cmd import api, common

_lock = threading.Lock()
_made: list[WSGIApplication] = []


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Serve one request."""
    with _lock:
        if not _made:
            common.configure(cfg.CONF, api.PROG, options.list_api_opts, [])
            _made.append(api.build(cfg.CONF))
    return _made[0](environ, start_response)
