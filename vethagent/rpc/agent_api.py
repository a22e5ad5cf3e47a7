"""Client of the agents: what a controller says to the agent of one host."""

import time
from collections.abc import Sequence

import oslo_messaging

from vethagent import constants, model
from vethagent.rpc import transport as bus
from vethagent.rpc import wire
from vethagent.rpc.deadline import Deadline

#: Seconds that a caller gives the broker to take a cast, usually done in two milliseconds. oslo.messaging itself would
#: wait for a minute, and begin again.
_CAST_SECONDS = 3.0
#: What the way to the broker may add to the time in which an agent has to answer.
_CALL_SHARE = 1.2


class AgentAPI:
    """Casts and calls to ``vethagent-agent.<host>``.

    A cast returns when the broker has it, which says nothing of the agent: digests find what was lost. Everything here
    raises BusUnavailable at once if the broker is away, in seconds if it hangs or is blocked, and a call also if the
    agent does not answer in ``timeout`` seconds.

    Version history:

    * 1.0 - plug_bridge_link(s), unplug_bridge_link(s), sync_bridge_links, set_mode, describe_host, plan_bridge_links
    """

    def __init__(self, transport: oslo_messaging.Transport, *, timeout: float = 10) -> None:
        target = oslo_messaging.Target(topic=constants.AGENT_TOPIC, version="1.0")
        self._client = oslo_messaging.get_rpc_client(transport, target, timeout=timeout, retry=0)
        self._deadline = Deadline()
        self._call_seconds = timeout * _CALL_SHARE

    def plug_bridge_link(self, context: bus.Context, link: model.BridgeLink) -> None:
        """Cast: ``link`` is wanted on its host."""
        self._cast(context, link.host, "plug_bridge_link", link=wire.dump(link))

    def plug_bridge_links(self, context: bus.Context, host: str, links: Sequence[model.BridgeLink]) -> None:
        """Cast: all of ``links`` are wanted on ``host``."""
        self._cast(context, host, "plug_bridge_links", links=wire.dump_all(links))

    def unplug_bridge_link(self, context: bus.Context, host: str, ref: model.LinkRef) -> None:
        """Cast: the link is not wanted any more, as of its generation."""
        self._cast(context, host, "unplug_bridge_link", link_id=ref.link_id, generation=ref.generation)

    def unplug_bridge_links(self, context: bus.Context, host: str, refs: Sequence[model.LinkRef]) -> None:
        """Cast: none of the links is wanted any more."""
        self._cast(context, host, "unplug_bridge_links", links=wire.dump_all(refs))

    def sync_bridge_links(self, context: bus.Context, host: str) -> None:
        """Cast: pull everything and reconcile."""
        self._cast(context, host, "sync_bridge_links")

    def set_mode(self, context: bus.Context, host: str, mode: model.Mode) -> None:
        """Cast: enforce, observe or pause."""
        self._cast(context, host, "set_mode", mode=mode.value)

    def describe_host(self, context: bus.Context, host: str) -> model.HostDescription:
        """Call: bridges, their ports, owned and foreign veth pairs."""
        answer = self._call(context, host, "describe_host")
        return wire.parse(model.HostDescription, answer)

    def plan_bridge_links(self, context: bus.Context, host: str, links: Sequence[model.BridgeLink]) -> model.HostPlan:
        """Call: the steps that the agent would take for ``links``; none is taken."""
        answer = self._call(context, host, "plan_bridge_links", links=wire.dump_all(links))
        return wire.parse(model.HostPlan, answer)

    def _cast(self, context: bus.Context, host: str, method: str, **arguments: object) -> None:
        dated = {**context, "sent_at": time.time()}
        client = self._client.prepare(server=host)
        self._deadline.within(_CAST_SECONDS, lambda: client.cast(dated, method, **arguments))

    def _call(self, context: bus.Context, host: str, method: str, **arguments: object) -> object:
        client = self._client.prepare(server=host)
        return self._deadline.within(self._call_seconds, lambda: client.call(context, method, **arguments))
