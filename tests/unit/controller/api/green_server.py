"""The server on eventlet, as in the all-in-one process: says its port, and serves until its input ends.

Its arguments are a number of bytes, which it answers, and maybe files of a certificate and its key. To a body it
answers that body.
"""

import eventlet
from eventlet import tpool

eventlet.monkey_patch()

import sys  # noqa: E402
from collections.abc import Iterable  # noqa: E402
from wsgiref.types import StartResponse, WSGIEnvironment  # noqa: E402

from vethagent.controller.api.server import ApiServer  # noqa: E402

SIZE = int(sys.argv[1])


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b"x" * SIZE
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


certificate, key = sys.argv[2:] or (None, None)
server = ApiServer(application, host="127.0.0.1", port=0, max_body=SIZE, threads=2, certificate=certificate, key=key)
server.start()
print(server.address[1], flush=True)
tpool.execute(sys.stdin.read)
server.stop()
