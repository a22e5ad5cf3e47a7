"""Telling an agent at once. What is lost here, its next state report finds by the digest."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from vethagent import exceptions, logs, model
from vethagent.controller import views
from vethagent.controller.db import models
from vethagent.controller.new_links import Wanted
from vethagent.rpc import transport as bus
from vethagent.rpc.agent_api import AgentAPI

LOG = logging.getLogger(__name__)

L = TypeVar("L", models.BridgeLink, model.BridgeLink)

#: What ``logs.about`` returns.
About = dict[str, dict[str, object]]


def attempt(what: str, host: str, cast: Callable[[], None], *, about: About) -> None:
    """Call ``cast``; that the bus is away is logged and no failure, as the change is stored already."""
    try:
        cast()
    except exceptions.BusUnavailable as error:
        LOG.warning(
            "%s is stored but was not cast to %s, its next state report will find it: %s",
            what,
            host,
            error,
            extra=about,
        )


def plug(agent_api: AgentAPI, context: bus.Context, messages: Sequence[model.BridgeLink]) -> None:
    """Have links plugged, by one cast a host."""
    for host, links in _by_host(messages).items():
        about = _about(context, host, links)
        LOG.info("to be plugged on %s: %s", host, _named(links), extra=about)
        attempt(_named(links), host, _plugging(agent_api, context, host, links), about=about)


def unplug(
    agent_api: AgentAPI, context: bus.Context, rows: Sequence[models.BridgeLink], *, force: bool = False
) -> None:
    """Have ``rows`` unplugged, by one cast a host; with ``force`` they are forgotten already."""
    for host, links in _by_host(rows).items():
        about = _about(context, host, links)
        LOG.info("to go from %s%s: %s", host, ", forced" * force, _named(links), extra=about)
        attempt(f"the deletion of {_named(links)}", host, _unplugging(agent_api, context, host, links), about=about)


def _plugging(
    agent_api: AgentAPI, context: bus.Context, host: str, messages: Sequence[model.BridgeLink]
) -> Callable[[], None]:
    if len(messages) == 1:
        return lambda: agent_api.plug_bridge_link(context, messages[0])
    return lambda: agent_api.plug_bridge_links(context, host, messages)


def _unplugging(
    agent_api: AgentAPI, context: bus.Context, host: str, rows: Sequence[models.BridgeLink]
) -> Callable[[], None]:
    refs = [views.ref_of(row) for row in rows]
    if len(refs) == 1:
        return lambda: agent_api.unplug_bridge_link(context, host, refs[0])
    return lambda: agent_api.unplug_bridge_links(context, host, refs)


def _about(context: bus.Context, host: str, rows: Sequence[Wanted]) -> About:
    return logs.about(request_id=context.get("request_id"), links=[row.id for row in rows], host=host)


def _by_host(rows: Sequence[L]) -> dict[str, list[L]]:
    hosts: dict[str, list[L]] = {}
    for row in rows:
        hosts.setdefault(row.host, []).append(row)
    return hosts


def _named(rows: Sequence[Wanted]) -> str:
    return f"link {rows[0].id}" if len(rows) == 1 else f"{len(rows)} links"
