"""Hosts, as their agents see them."""

import urllib.parse
from typing import cast

from vethagent.client.transport import Transport
from vethagent.client.types import HostDescription, HostPlan

PATH = "/hosts"


class Hosts:
    """``/v1/hosts``; every method may raise a ClientError, Unavailable if the agent does not answer."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def describe(self, host: str) -> HostDescription:
        """Return the bridges of ``host``, their ports, and its veth pairs, now or as its agent has last told."""
        return cast(HostDescription, self._transport.request("GET", f"{_path(host)}/bridges", key="bridges"))

    def plan(self, host: str) -> HostPlan:
        """Return what the agent of ``host`` would do now for each of its links."""
        return cast(HostPlan, self._transport.request("GET", f"{_path(host)}/plan", key="links"))


def _path(host: str) -> str:
    return f"{PATH}/{urllib.parse.quote(host, safe='')}"
