"""Tells everybody on a wire, over and over, that an address is here (a gratuitous ARP request, RFC 5227, 3).

usage: impostor.py DEVICE ADDRESS
"""

import pathlib
import socket
import struct
import sys
import time

_EVERYBODY = b"\xff" * 6
_ARP = 0x0806
_INTERVAL = 0.02


def shout(device: str, address: str) -> None:
    mac = bytes.fromhex(pathlib.Path(f"/sys/class/net/{device}/address").read_text().strip().replace(":", ""))
    own = socket.inet_aton(address)
    body = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac, own, bytes(6), own)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((device, 0))
        while True:
            wire.send(_EVERYBODY + mac + struct.pack("!H", _ARP) + body)
            time.sleep(_INTERVAL)


if __name__ == "__main__":
    shout(sys.argv[1], sys.argv[2])
