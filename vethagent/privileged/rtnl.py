"""Requests to rtnetlink: many in one send, one answer each."""

import contextlib
import os
import select
import socket
import struct
import time
from collections.abc import Collection, Iterable
from typing import Self

from vethagent.privileged import encoding, ifinfo
from vethagent.privileged.encoding import Attributes, Request

NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE, NLM_F_DUMP = 0x1, 0x4, 0x200, 0x400, 0x300

_SOL_NETLINK, _NETLINK_CAP_ACK, _NETLINK_EXT_ACK = 270, 10, 11
_RTEXT_FILTER_SKIP_STATS = 8
_IFLA_EXT_MASK = 29
#: A request for all devices, with the one attribute that it has.
_DUMP = struct.Struct("=IHHII16xHHI")
_SKIP_STATS = 8, _IFLA_EXT_MASK, _RTEXT_FILTER_SKIP_STATS
_SO_RCVBUFFORCE = 33
_RECEIVE_BUFFER = 8 << 20
#: Bytes in one send: well below the default send buffer of 208 KiB.
_CHUNK = 64 << 10
#: Bytes of the receive buffer that the kernel takes for one answer, at most: that about a device takes half of it.
_ANSWER = 8 << 10
_ANSWER_SECONDS = 10.0
#: How often all devices are asked for at most, as long as they change meanwhile.
_TRIES = 3


def link_message(
    kind: int, *, index: int = 0, flags: int = NLM_F_ACK, up: bool | None = None, attributes: Attributes = ()
) -> Request:
    """Return a request of rtnetlink about one device, by ``index`` or by an IFLA_ attribute."""
    return Request(kind, index, NLM_F_REQUEST | flags, up, attributes)


class RouteSocket:
    """One rtnetlink socket of the network namespace that the process is in."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._seq = int(time.time()) & 0xFFFFFF
        for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK):
            self._socket.setsockopt(_SOL_NETLINK, option, 1)
        # A send of 64 KiB brings hundreds of answers before the first is read. CAP_NET_ADMIN of a user namespace, as in
        # a container of somebody who is not root, is not enough for so large a buffer.
        with contextlib.suppress(PermissionError):
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        #: Messages in one send at most.
        self.most = max(1, self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // _ANSWER)
        self._socket.setblocking(False)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def request(self, messages: Iterable[Request], wanted: Collection[int] = ifinfo.WHOLE) -> list[ifinfo.Message]:
        """Send ``messages`` and return one answer for each, in order; ``errno`` of an answer is 0 if it was done.

        The kernel goes on after one that fails. ``wanted`` is as in ifinfo. Raise OSError if it does not answer.
        """
        answers: list[ifinfo.Message] = []
        chunk: list[bytes] = []
        size = 0
        for message in messages:
            data = self._encode(message)
            if (size + len(data) > _CHUNK and chunk) or len(chunk) == self.most:
                answers += self._exchange(chunk, wanted)
                chunk, size = [], 0
            chunk.append(data)
            size += len(data)
        return answers + (self._exchange(chunk, wanted) if chunk else [])

    def get(self, index: int) -> ifinfo.Device | None:
        """Return the device with this ifindex, None if there is none."""
        return self.get_all([index]).get(index)

    def get_all(self, indexes: Iterable[int], wanted: Collection[int] = ifinfo.WHOLE) -> dict[int, ifinfo.Device]:
        """Return those devices of ``indexes`` that there are, asked for in as few sends as can be.

        ``wanted`` is as in ifinfo.
        """
        messages = (link_message(ifinfo.RTM_GETLINK, index=index, flags=0, attributes=_SLIM) for index in indexes)
        answers = self.request(messages, wanted)
        return {answer.device.ifindex: answer.device for answer in answers if answer.device is not None}

    def find_all(self, names: Iterable[str]) -> list[ifinfo.Device | None]:
        """Return the device with each of ``names``, None where there is none, asked for in as few sends as can be."""
        attributes = ([*_SLIM, ("IFLA_IFNAME", name)] for name in names)
        messages = (link_message(ifinfo.RTM_GETLINK, flags=0, attributes=each) for each in attributes)
        return [answer.device for answer in self.request(messages)]

    def groups(self) -> set[int]:
        """Return the numbers of all groups that some device is in."""
        return {device.group for device in self.dump(ifinfo.GROUP).values()}

    def dump(self, wanted: Collection[int] = ifinfo.WHOLE) -> dict[int, ifinfo.Device]:
        """Return all devices by ifindex; asked again when the kernel says that they changed meanwhile.

        Where some come and go all the time it says so each time. What the last few answers have together misses none
        that was there all the while; who wants to know which have gone since has to listen beside that.
        ``wanted`` is as in ifinfo.
        """
        devices: dict[int, ifinfo.Device] = {}
        for _ in range(_TRIES):
            self._seq += 1
            # Packed here: an agent makes this one request only, and for that does not read what its helper encodes by.
            self._socket.send(
                _DUMP.pack(_DUMP.size, ifinfo.RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, self._seq, 0, *_SKIP_STATS)
            )
            found: dict[int, ifinfo.Device] = {}
            interrupted = False
            for answer in self._read(self._seq, wanted):
                interrupted |= answer.interrupted
                if answer.device is not None:
                    found[answer.device.ifindex] = answer.device
                elif answer.errno:
                    raise OSError(answer.errno, os.strerror(answer.errno))
            if not interrupted:
                return found
            # The newest last: a name may have gone from one to another.
            devices = {index: device for index, device in devices.items() if index not in found} | found
        return devices

    def _encode(self, message: Request) -> bytes:
        self._seq += 1
        return encoding.encode(message, self._seq)

    def _exchange(self, chunk: list[bytes], wanted: Collection[int]) -> list[ifinfo.Message]:
        asked = {struct.unpack_from("=I", data, 8)[0]: number for number, data in enumerate(chunk)}
        self._socket.send(b"".join(chunk))
        answers: dict[int, ifinfo.Message] = {}
        while len(answers) < len(asked):
            for answer in ifinfo.parse(self._receive(), wanted):
                if answer.seq in asked:
                    answers[asked[answer.seq]] = answer
        return [answers[number] for number in range(len(chunk))]

    def _read(self, seq: int, wanted: Collection[int]) -> Iterable[ifinfo.Message]:
        while True:
            for answer in ifinfo.parse(self._receive(), wanted):
                if answer.seq != seq:
                    continue
                yield answer
                if answer.type in (ifinfo.NLMSG_DONE, ifinfo.NLMSG_ERROR):
                    return

    def _receive(self) -> bytes:
        if not select.select([self._socket], [], [], _ANSWER_SECONDS)[0]:
            raise TimeoutError("rtnetlink did not answer")
        return self._socket.recv(ifinfo.READ)


_SLIM = [("IFLA_EXT_MASK", _RTEXT_FILTER_SKIP_STATS)]
