"""One TCP transfer, as a program for either side: ``receive`` prints a port, then count and digest of what came.

usage: tcp.py receive ADDRESS | tcp.py send ADDRESS PORT BYTES | tcp.py pour ADDRESS PORT
"""

import hashlib
import os
import select
import socket
import sys

_TIMEOUT = 10.0
_DROP, _PAUSE = 1000, 0.002


def receive(address: str) -> None:
    with socket.create_server((address, 0)) as server:
        server.settimeout(_TIMEOUT)
        print(server.getsockname()[1], flush=True)
        connection, _ = server.accept()
        with connection:
            connection.settimeout(_TIMEOUT)
            digest, count = hashlib.sha256(), 0
            while data := connection.recv(1 << 16):
                digest.update(data)
                count += len(data)
    print(count, digest.hexdigest(), flush=True)


def send(address: str, port: int, count: int) -> None:
    data = os.urandom(count)
    with socket.create_connection((address, port), timeout=_TIMEOUT) as connection:
        connection.sendall(data)
    print(count, hashlib.sha256(data).hexdigest(), flush=True)


def pour(address: str, port: int) -> None:
    """Send a little every now and then until the standard input ends."""
    digest, count = hashlib.sha256(), 0
    with socket.create_connection((address, port), timeout=_TIMEOUT) as connection:
        while not select.select([sys.stdin], [], [], _PAUSE)[0]:
            data = os.urandom(_DROP)
            connection.sendall(data)
            digest.update(data)
            count += len(data)
    print(count, digest.hexdigest(), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "receive":
        receive(sys.argv[2])
    elif sys.argv[1] == "pour":
        pour(sys.argv[2], int(sys.argv[3]))
    else:
        send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
