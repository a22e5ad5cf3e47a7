"""Stdlib threads and sockets on eventlet, names looked up by the system."""

import atexit
import contextlib
import os
import socket
from typing import Any


def patch() -> None:
    """Make greenlets what runs in this process; to be called before anything takes a lock or a socket.

    By itself eventlet asks name servers with dnspython: to import that takes 0.15 s and 17 MB, and it knows nothing of
    what else nsswitch.conf(5) may name. So getaddrinfo stays the system's. A thread of the system waits for it, and all
    the rest goes on.
    """
    os.environ["EVENTLET_NO_GREENDNS"] = "yes"
    import eventlet
    from eventlet.green import socket as green

    native = socket.getaddrinfo

    def getaddrinfo(  # noqa: PLR0917 - as in socket
        host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        with contextlib.suppress(socket.gaierror):  # an address is no name, and nobody is asked
            return native(host, port, family, type, proto, flags | socket.AI_NUMERICHOST)
        from eventlet import tpool

        atexit.unregister(tpool.killall)  # at the end it would wait for name servers
        return tpool.execute(native, host, port, family, type, proto, flags)

    green.getaddrinfo = getaddrinfo
    # That for psycopg2 would load it, and where it is used its waiting is given to it anyway (limit in db/patience.py).
    eventlet.monkey_patch(psycopg=False)
