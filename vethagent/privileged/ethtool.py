"""TX checksum offload and GRO of a device, by the ioctl of ethtool (include/uapi/linux/ethtool.h).

Reading needs no privilege. pyroute2's ioctl class reads all features by name first, twenty calls for one bit.
"""

import array
import errno
import fcntl
import socket
import struct

_SIOCGIFINDEX, _SIOCETHTOOL = 0x8933, 0x8946
_GET_TX_CHECKSUM, _SET_TX_CHECKSUM = 0x16, 0x17
_GET_GRO, _SET_GRO = 0x2B, 0x2C


def read(name: str, *, gro: bool) -> tuple[bool, bool | None]:
    """Return whether the device leaves TX checksums to whoever receives, and whether it has GRO on, None if not asked.

    With GRO it makes large packets of those that it receives. Raise OSError if it is gone.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        tx_checksum = bool(_ioctl(control, name, _GET_TX_CHECKSUM, 0))
        return tx_checksum, bool(_ioctl(control, name, _GET_GRO, 0)) if gro else None


def change(index: int, name: str, *, tx_checksum: bool | None, gro: bool | None) -> None:
    """Set what is not None; raise OSError if the device with this ifindex has not this name any more."""
    if tx_checksum is not None:
        set_tx_checksum(index, name, tx_checksum)
    if gro is not None:
        set_gro(index, name, gro)


def set_tx_checksum(index: int, name: str, on: bool) -> None:
    """Turn TX checksum offload on or off; raise OSError as ``change``."""
    _set(index, name, _SET_TX_CHECKSUM, on)


def set_gro(index: int, name: str, on: bool) -> None:
    """Turn GRO on or off; raise OSError as ``change``."""
    _set(index, name, _SET_GRO, on)


def _set(index: int, name: str, command: int, on: bool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        found = fcntl.ioctl(control, _SIOCGIFINDEX, struct.pack("16s24x", name.encode()))
        if struct.unpack_from("16xi", found)[0] != index:
            raise OSError(errno.ENODEV, f"ifindex {index} was renamed")
        _ioctl(control, name, command, int(on))


def _ioctl(control: socket.socket, name: str, command: int, value: int) -> int:
    block = array.array("I", [command, value])
    request = struct.pack("16sP16x", name.encode(), block.buffer_info()[0])
    fcntl.ioctl(control, _SIOCETHTOOL, request)
    return block[1]
