"""What the bus can call of an agent. It believes nothing: each message is validated, and a bad one changes nothing."""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import Any, TypeVar

import oslo_messaging

from vethagent import exceptions, model
from vethagent.agent.desired import Desired
from vethagent.agent.health import Counters
from vethagent.agent.inbox import Inbox
from vethagent.agent.stopwatch import Stopwatch
from vethagent.model import Mode
from vethagent.rpc import exposed, wire
from vethagent.rpc.transport import Context

LOG = logging.getLogger(__name__)

#: Seconds after which a cast is late; the clocks of two hosts are closer than that.
_LATE = 10.0
#: Less than the callers wait, so that they hear why there is no answer.
_CALL_SECONDS = 8

T = TypeVar("T")


class AgentEndpoint:
    """Version history: see ``vethagent.rpc.agent_api.AgentAPI``."""

    target = oslo_messaging.Target(version="1.0")

    def __init__(
        self,
        *,
        host: str,
        desired: Desired,
        inbox: Inbox,
        counters: Counters,
        stopwatch: Stopwatch,
        describe: Callable[[], model.HostDescription],
        plan: Callable[[list[model.BridgeLink]], model.HostPlan],
        pull: Callable[[], None],
        heard: Callable[[], None],
        changed: Callable[[], None],
        switched: Callable[[], None],
    ) -> None:
        """``describe`` and ``plan`` are asked through the inbox, by its consumer; ``heard`` is called for each cast.

        ``changed`` is called after a change that a report should tell soon, ``switched`` after one of the mode, for
        which somebody waits.
        """
        self._switched = switched
        self._changed = changed
        self._host = host
        self._desired = desired
        self._inbox = inbox
        self._counters = counters
        self._stopwatch = stopwatch
        self._describe = describe
        self._plan = plan
        self._pull = pull
        self._heard = heard

    @exposed.cast
    def plug_bridge_link(self, context: Context, link: object = None) -> None:
        """A link is wanted."""
        self._plug(context, [link])

    @exposed.cast
    def plug_bridge_links(self, context: Context, links: object = None) -> None:
        """Links are wanted; one that is not valid does not hold up the others."""
        self._plug(context, self._list(links, "plug_bridge_links"))

    @exposed.cast
    def unplug_bridge_link(self, context: Context, link_id: object = None, generation: object = None) -> None:
        """A link is not wanted any more."""
        self._unplug(context, [{"link_id": link_id, "generation": generation}])

    @exposed.cast
    def unplug_bridge_links(self, context: Context, links: object = None) -> None:
        """Links are not wanted any more."""
        self._unplug(context, self._list(links, "unplug_bridge_links"))

    @exposed.cast
    def sync_bridge_links(self, context: Context) -> None:
        """Pull everything and reconcile."""
        self._came(context)
        self._pull()
        self._inbox.mark_all()

    @exposed.cast
    def set_mode(self, context: Context, mode: object = None) -> None:
        """Enforce, observe or pause."""
        late = self._came(context)
        try:
            wanted = Mode(str(mode))
        except ValueError:
            self._refuse([f"set_mode: {mode!r:.80} is none of {', '.join(Mode)}"])
            return
        if late and wanted is Mode.ENFORCE:
            self._switched()  # no generation tells whether it is still wanted; the answer to a report does
        elif self._desired.set_mode(wanted):
            LOG.warning("The mode is %s now", wanted)
            self._inbox.mark_all()
            self._switched()

    @exposed.call
    def describe_host(self, context: Context) -> dict[str, Any]:
        """Return a HostDescription."""
        return wire.dump(self._ask(self._describe))

    @exposed.call
    def plan_bridge_links(self, context: Context, links: object = None) -> dict[str, Any]:
        """Return a HostPlan for links that need not be wanted; nothing is done."""
        parsed = wire.parse_all(model.BridgeLink, links)
        return wire.dump(self._ask(lambda: self._plan(parsed)))

    def _ask(self, question: Callable[[], T]) -> T:
        try:
            return self._inbox.ask(question).result(_CALL_SECONDS)
        except (TimeoutError, futures.CancelledError):
            raise exceptions.AgentBusy(
                f"the agent of {self._host} is at work and did not answer in {_CALL_SECONDS} seconds"
            ) from None

    # -- within --------------------------------------------------------------------------------------------------

    def _came(self, context: Context) -> bool:
        """Count a cast; return whether it is late."""
        self._counters.add("casts")
        sent_at = context.get("sent_at")
        late = isinstance(sent_at, float) and time.time() - sent_at > _LATE
        if late:
            self._counters.add("casts_late")
        self._heard()
        return late

    def _plug(self, context: Context, bodies: list[object]) -> None:
        self._came(context)
        dirty, refused = [], []
        for body in bodies:
            try:
                link = wire.parse_link(body)
            except exceptions.InvalidMessage as error:
                refused.append(str(error))
                continue
            if link.host != self._host:
                refused.append(f"link {link.id} is for host {link.host}, this is {self._host}")
                continue
            if isinstance(link, model.UnreadLink):
                refused.append(f"link {link.id}: {link.why}")
                taken = self._desired.put_unread(link)
            else:
                taken = self._desired.put(link)
            if taken:
                self._stopwatch.heard(link.id, context.get("sent_at"))
            else:
                self._counters.add("casts_stale")
            # Looked at in any case: any cast again, at any time, converges.
            dirty.append(link.id)
        self._refuse(refused)
        self._inbox.cast(dirty)

    def _unplug(self, context: Context, bodies: list[object]) -> None:
        self._came(context)
        request_id = wire.request_id(context)
        dirty, refused = [], []
        for body in bodies:
            try:
                ref = wire.parse(model.LinkRef, body)
            except exceptions.InvalidMessage as error:
                refused.append(str(error))
                continue
            if self._desired.remove(ref.model_copy(update={"request_id": ref.request_id or request_id})):
                self._stopwatch.heard(ref.link_id, context.get("sent_at"))
            else:
                self._counters.add("casts_stale")
            dirty.append(ref.link_id)
        self._refuse(refused)
        self._inbox.cast(dirty)

    def _list(self, bodies: object, method: str) -> list[object]:
        if isinstance(bodies, list):
            return bodies
        self._refuse([f"{method}: links must be a list"])
        return []

    def _refuse(self, sentences: Sequence[str]) -> None:
        """Drop parts of a cast: there is nobody to answer to, so they are counted, and logged in one line."""
        if sentences:
            self._counters.add("casts_refused", len(sentences))
            more = f"; and {len(sentences) - 1} more in it" if len(sentences) > 1 else ""
            LOG.error("A cast was refused: %s%s", sentences[0], more)
