"""The schema of a database, from a server that may not answer.

The libraries ask for it in a call without a time-out.
"""

import os
import time

import ovs.jsonrpc
import ovs.poller
import ovs.stream
from ovs.db import idl as ovs_idl
from ovsdbapp.backend.ovs_idl import idlutils


def fetch(remote: str, database: str, timeout: float) -> ovs_idl.SchemaHelper:
    """Return the schema of ``database``; raise OSError if no server of ``remote`` tells it.

    ``timeout`` is in seconds and for each of them.
    """
    failed = OSError(f"{remote} names no server")
    for one in idlutils.parse_connection(remote):
        try:
            return idlutils.create_schema_helper(_ask(one, database, timeout))
        except OSError as error:
            failed = error
    raise failed


def _ask(remote: str, database: str, timeout: float) -> object:
    error, stream = ovs.stream.Stream.open_block(ovs.stream.Stream.open(remote), round(timeout * 1000))
    if error:
        raise OSError(error, os.strerror(error))
    connection = ovs.jsonrpc.Connection(stream)
    try:
        connection.send(ovs.jsonrpc.Message.create_request("get_schema", [database]))
        answer = _receive(connection, time.monotonic() + timeout)
    finally:
        connection.close()
    if answer.error:
        raise OSError(f"there is no database {database}: {answer.error}")
    return answer.result


def _receive(connection: ovs.jsonrpc.Connection, deadline: float) -> ovs.jsonrpc.Message:
    """Return the one message that is expected."""
    while (left := deadline - time.monotonic()) > 0:
        connection.run()
        error, message = connection.recv()
        if message is not None:
            return message
        if error not in (0, ovs.jsonrpc.errno.EAGAIN):
            raise OSError(error, os.strerror(error) if error > 0 else "the server hung up")
        poller = ovs.poller.Poller()
        connection.wait(poller)
        connection.recv_wait(poller)
        poller.timer_wait(round(left * 1000))
        poller.block()
    raise TimeoutError("no answer")
