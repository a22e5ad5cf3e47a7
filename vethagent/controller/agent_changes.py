"""What is told of a change of an agent: a word and a sentence for each thing; pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from vethagent.controller.db import models

#: Mode, description and labels as they are wanted.
Wanted = tuple[str, str | None, dict[str, str]]


#: Reports of an older process after those of a newer one.
TWO_AGENTS = "TWO_AGENTS"


def told(agent: models.Agent, report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what the columns of a new ``report`` say that ``agent`` has not said before."""
    versions = ("agent_version", "contract_version")
    if any(getattr(agent, name) != report[name] for name in versions):
        before, now = (
            " with contract ".join(source) for source in (_two(vars(agent), versions), _two(report, versions))
        )
        yield "UPGRADED", f"from version {before} to {now}"
    if agent.started_at < report["started_at"]:
        yield "RESTARTED", f"started at {report['started_at']:%Y-%m-%dT%H:%M:%SZ}"
    elif agent.started_at > report["started_at"]:
        yield (
            TWO_AGENTS,
            (
                f"one started at {report['started_at']:%Y-%m-%dT%H:%M:%SZ} reports after one started later, at"
                f" {agent.started_at:%Y-%m-%dT%H:%M:%SZ}: two hosts may have this name"
            ),
        )
    if agent.ready != report["ready"]:
        yield ("READY", "in step with the controller") if report["ready"] else ("NOT_READY", "not in step yet")
    if _parts(agent.health) != _parts(report["health"]):
        yield "HEALTH", "; ".join(f"{each['part']}: {each['message']}" for each in report["health"]) or "nothing wrong"
    if agent.reported_mode != report["reported_mode"]:
        yield "MODE", f"is in mode {report['reported_mode']}"


def wanted(before: Wanted, now: Wanted) -> Iterator[tuple[str, str]]:
    """Yield what somebody has changed."""
    if before[0] != now[0]:
        yield "MODE_WANTED", f"from {before[0]} to {now[0]}"
    if before[1] != now[1]:
        yield "DESCRIPTION", now[1] or "none"
    if before[2] != now[2]:
        yield "LABELS", ", ".join(f"{name}={value}" for name, value in sorted(now[2].items())) or "none"


def _two(source: Mapping[str, Any], names: tuple[str, str]) -> list[str]:
    return [str(source[name]) for name in names]


def _parts(health: list[dict[str, Any]]) -> set[str]:
    return {str(reason["part"]) for reason in health}
