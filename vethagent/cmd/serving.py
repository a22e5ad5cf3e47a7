"""The API's own HTTP server, as the configuration wants it."""

from wsgiref.types import WSGIApplication

from oslo_config import cfg

from vethagent.controller.api.server import ApiServer


def api_server(conf: cfg.ConfigOpts, application: WSGIApplication) -> ApiServer:
    """Return a server of ``application``, not started yet; raise NotLoopback or ListenError."""
    return ApiServer(
        application,
        host=conf.api.host,
        port=conf.api.port,
        max_body=conf.api.max_body_size,
        threads=conf.api.threads,
        certificate=conf.api.certificate_file,
        key=conf.api.key_file,
    )
