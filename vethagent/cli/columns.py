"""How values look in a table; json, yaml, csv and value formats get them as the API gave them.

These are cliff's columns: osc-lib's own, built on the same class, cost half a second of imports.
"""

import datetime
import json
import re
from typing import Any

from cliff.columns import FormattableColumn

from vethagent.client.types import Difference, End, EndState, Event, HealthReason, InRing, Link, LinkTiming

_BEYOND_MS = re.compile(r"(?<=\.\d{3})\d+")
#: By day and month alone nobody takes a time for one of another year.
_OF_THIS_YEAR = datetime.timedelta(days=300)


class Text(FormattableColumn[str | int | float | None]):
    """Nothing for None, where cliff would write 'None'."""

    def human_readable(self) -> str:
        """Return the text."""
        return "" if self._value is None else str(self._value)


class Mtu(FormattableColumn[int | None]):
    """Bytes; None means that the bridges decide."""

    def human_readable(self) -> str:
        """Return the bytes or 'auto'."""
        return "auto" if self._value is None else str(self._value)


class YesNo(FormattableColumn[bool]):
    """A flag."""

    def human_readable(self) -> str:
        """Return 'yes' or 'no'."""
        return "yes" if self._value else "no"


class Time(FormattableColumn[str | None]):
    """A time in RFC 3339, with milliseconds at most; None is not known."""

    def __init__(self, value: str | None, *, short: bool = False) -> None:
        """If it is to be ``short`` there are seconds at most, or only minutes and the day if that is not today."""
        super().__init__(value)
        self._short = short

    def human_readable(self) -> str:
        """Return it like 2026-01-31T12:00:00.123Z, or 12:00:00Z, or 01-30 12:00Z."""
        if not self._short or self._value is None:
            return _BEYOND_MS.sub("", self._value or "")
        at, now = datetime.datetime.fromisoformat(self._value).astimezone(datetime.UTC), _now()
        if at.date() == now.date():
            return at.strftime("%H:%M:%SZ")
        return at.strftime("%m-%d %H:%MZ" if now - at < _OF_THIS_YEAR else "%Y-%m-%d")


class Ago(FormattableColumn[str]):
    """A time, as how long ago that was; by the clock of this machine."""

    def human_readable(self) -> str:
        """Return it like ``7 s ago``."""
        past = _now() - datetime.datetime.fromisoformat(self._value)
        seconds = max(0, round(past.total_seconds()))
        for limit, unit, name in ((90, 1, "s"), (5400, 60, "min"), (129600, 3600, "h")):
            if seconds < limit:
                return f"{round(seconds / unit)} {name} ago"
        return f"{round(seconds / 86400)} days ago"


class Milliseconds(FormattableColumn[float | None]):
    """A duration."""

    def human_readable(self) -> str:
        """Return it with one decimal."""
        return "" if self._value is None else f"{self._value:.1f}"


class Timing(FormattableColumn[LinkTiming]):
    """How long each part of a change took."""

    def human_readable(self) -> str:
        """Return a line for each, with the milliseconds since the one before, and a last one with all of them."""
        lines = [
            f"{'' if each['took_ms'] is None else format(each['took_ms'], '+.1f'):>8}  {each['what']} ({each['where']})"
            for each in self._value["stations"]
        ]
        return "\n".join([*lines, f"{self._value['total_ms']:>8.1f}  ms in all, {self._value['kind']}"])


class Nested(FormattableColumn[Any]):
    """What the API says, as it says it."""

    def human_readable(self) -> str:
        """Return it as JSON in one line."""
        return json.dumps(self._value) if isinstance(self._value, dict | list) else str(self._value)


class LinkEnds(FormattableColumn[list[End]]):
    """Both ends on one line (on two if ``folded``), with the names that the agent gave to devices that had none."""

    def __init__(self, link: Link, *, folded: bool) -> None:
        super().__init__(link["ends"])
        self._observed = link["observed"]
        self._joint = " <->\n" if folded else " <-> "

    def human_readable(self) -> str:
        """Return it like ``br1:phy-br1 <-> br-eth1:eth1-br1``."""
        return self._joint.join(f"{end['bridge']}:{self._device_of(end)}" for end in self._value)

    def _device_of(self, end: End) -> str:
        if device := end.get("device"):
            return device
        seen = [state["device"] for state in self._observed if state["bridge"] == end["bridge"]]
        return seen[0] if seen else "(auto)"


class Ends(FormattableColumn[list[End]]):
    """The ends as wanted, one a line."""

    def human_readable(self) -> str:
        """Return lines like ``br-eth1:eth1-br1,kind=ovs,tag=100``, as ``link create`` takes them."""
        return "\n".join(map(_end_text, self._value))


class EndStates(FormattableColumn[list[EndState]]):
    """The ends as seen, one a line."""

    def human_readable(self) -> str:
        """Return lines like ``phy-br1: in linux bridge br1, up, carrier, mtu 1500, mac …, ifindex 7, peer 6``."""
        return "\n".join(map(_end_state_text, self._value))


class Differences(FormattableColumn[list[Difference]]):
    """What is not as wanted, one a line."""

    def human_readable(self) -> str:
        """Return lines like ``MTU eth1-br1: wanted 1500, is 9000``."""
        return "\n".join(
            f"{item['code']} {item['device']}: wanted {item['wanted']}, is {item['observed']}" for item in self._value
        )


class Told(FormattableColumn[str]):
    """The message of an event; of a repair, which has none, what was wrong before it."""

    def __init__(self, event: Event) -> None:
        super().__init__(event["message"])
        self._repaired = event["repaired"]

    def human_readable(self) -> str:
        """Return the message, or text like ``eth1-br1: MTU was 9000, wanted 1500``."""
        was = (
            f"{item['device']}: {item['code']} was {item['observed']}, wanted {item['wanted']}"
            for item in self._repaired
        )
        return self._value or "; ".join(was)


class Counts(FormattableColumn[dict[str, int]]):
    """Numbers by name."""

    def human_readable(self) -> str:
        """Return them like ``ACTIVE 3, DOWN 1``; what is 0 is left out."""
        return ", ".join(f"{name} {number}" for name, number in sorted(self._value.items()) if number)


class Counters(FormattableColumn[dict[str, int]]):
    """Many numbers by name."""

    def human_readable(self) -> str:
        """Return lines like ``casts 7``."""
        return "\n".join(f"{name} {number}" for name, number in sorted(self._value.items()))


class Labels(FormattableColumn[dict[str, str]]):
    """Labels, one a line."""

    def human_readable(self) -> str:
        """Return lines like ``rack=7``."""
        return "\n".join(f"{name}={value}" for name, value in sorted(self._value.items()))


class Rings(FormattableColumn[list[InRing]]):
    """Links that close rings, one a line."""

    def human_readable(self) -> str:
        """Return lines like ``<link id>: br-a of h1 - physnet1 - br-a of h2 …``, or 'none'."""
        return "\n".join(f"{ring['link_id']}: {ring['path']}" for ring in self._value) or "none"


class Health(FormattableColumn[list[HealthReason]]):
    """What does not work as it should, one a line."""

    def human_readable(self) -> str:
        """Return lines like ``ovsdb: no connection``, or 'ok'."""
        return "\n".join(f"{item['part']}: {item['message']}" for item in self._value) or "ok"


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _end_text(end: End) -> str:
    device = f":{end['device']}" if end.get("device") else ""
    kind = end.get("kind", "auto")
    options: dict[str, Any] = {"kind": None if kind == "auto" else kind, "tag": end.get("tag"), "mac": end.get("mac")}
    return end["bridge"] + device + "".join(f",{name}={value}" for name, value in options.items() if value is not None)


def _end_state_text(state: EndState) -> str:
    if not state["present"]:
        return f"{state['device']}: not there"
    place = state["attached_to"]
    facts = [
        f"in {state['kind']} bridge {place}" if place else "in no bridge",
        _flag(state["up"], "up", "down"),
        _flag(state["carrier"], "carrier", "no carrier"),
        *(
            f"{word} {value}"
            for word, value in (
                ("mtu", state["mtu"]),
                ("tag", state["tag"]),
                ("mac", state["mac"]),
                ("ifindex", state["ifindex"]),
                ("peer", state["peer_ifindex"]),
                ("ofport", state["ofport"]),
                ("error", state["error"]),
            )
            if value not in (None, "")
        ),
    ]
    return f"{state['device']}: " + ", ".join(fact for fact in facts if fact)


def _flag(value: bool | None, yes: str, no: str) -> str:
    return "" if value is None else yes if value else no
