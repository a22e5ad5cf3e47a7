"""Pings as a program, for ping(8) keeps a processor busy at intervals below 10 ms: the number of each that is answered.

usage: icmp.py ADDRESS SECONDS, until SIGINT
"""

import contextlib
import os
import select
import socket
import struct
import sys
import time

_REQUEST, _REPLY = 8, 0
_HEADER = struct.Struct("!BBHHHQ")
#: What stands before it in what a raw socket reads: the header of IP, without options.
_IP = 20


def packet(kind: int, identifier: int, number: int) -> bytes:
    """Return an ICMP message with its checksum (RFC 792); ``number`` is also in its data, where it never wraps."""
    bare = _HEADER.pack(kind, 0, 0, identifier, number & 0xFFFF, number)
    total = sum(struct.unpack(f"!{len(bare) // 2}H", bare))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return _HEADER.pack(kind, 0, ~total & 0xFFFF, identifier, number & 0xFFFF, number)


def ping(address: str, interval: float) -> None:
    """Send one each ``interval`` seconds; one that cannot be sent is one that is not answered."""
    identifier, number, due = os.getpid() & 0xFFFF, 0, time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sock:
        while True:
            if (now := time.monotonic()) >= due:
                number, due = number + 1, max(due + interval, now)
                with contextlib.suppress(OSError):
                    sock.sendto(packet(_REQUEST, identifier, number), (address, 0))
            if select.select([sock], [], [], max(0.0, due - time.monotonic()))[0]:
                kind, _, _, of, _, answered = _HEADER.unpack_from(sock.recv(1500), _IP)
                if (kind, of) == (_REPLY, identifier):
                    print(answered, flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        ping(sys.argv[1], float(sys.argv[2]))
