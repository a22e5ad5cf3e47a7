"""Waiting for a roll-out, with a bar for whoever looks on."""

import argparse
import sys
import time
from collections.abc import Sequence

from osc_lib import exceptions

from vethagent.cli import parsing, waiting
from vethagent.client.exceptions import NotFound
from vethagent.client.links import Links
from vethagent.client.rollouts import Rollouts
from vethagent.client.types import Link, Rollout

DEFAULT_TIMEOUT = 3600.0

_WIDTH = 24
_GOING = "RUNNING"


def add_arguments(parser: argparse.ArgumentParser, until: str = "the roll-out has ended") -> None:
    """Add ``--wait`` and ``--timeout``."""
    parser.add_argument("--wait", action="store_true", help=f"Wait until {until}; fail if that is not to be")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=parsing.seconds,
        default=DEFAULT_TIMEOUT,
        help="How long to wait with --wait (default: %(default)g)",
    )


def wait(rollouts: Rollouts, rollout: Rollout, timeout: float) -> Rollout:
    """Return the roll-out once every host had its turn; CommandError if it stops before, or is not over in time.

    On a terminal a bar shows how far it is. Ctrl-C ends the waiting and not the roll-out, and says so.
    """
    name, last = rollout["template_name"], rollout
    shown = sys.stderr.isatty()

    def ended() -> bool:
        nonlocal last
        try:
            last = rollouts.get(rollout["id"])
        except NotFound:
            raise exceptions.CommandError(f"Template {name} was deleted meanwhile") from None
        if shown:
            sys.stderr.write(f"\r\033[K{bar(last)}")
            sys.stderr.flush()
        return last["state"] != _GOING

    try:
        in_time = waiting.poll(ended, timeout)
    except KeyboardInterrupt:
        sys.stderr.write(
            f"\nThe roll-out goes on: see 'rollout status {name}', or stop it with 'rollout pause {name}'\n"
        )
        raise
    if shown:
        sys.stderr.write("\n")
    if not in_time:
        raise exceptions.CommandError(f"The roll-out of {name} is not over after {timeout:g} s: {summary(last)}")
    if last["state"] != "COMPLETED":
        why = last["message"] or summary(last)
        raise exceptions.CommandError(f"The roll-out of {name} is {last['state']}: {why}{_advice(last)}")
    return last


def _advice(rollout: Rollout) -> str:
    name = rollout["template_name"]
    match rollout["state"]:
        case "STOPPED":
            return (
                f"; see 'template hosts {name} --state failed', then 'rollout resume {name}' or 'rollout undo {name}'"
            )
        case "PAUSED":
            return f"; 'rollout resume {name}' has it go on"
    return ""


def until_gone(links: Links, waited: Sequence[Link], timeout: float) -> None:
    """Return as soon as none of the links is there any more; raise WaitFailed."""
    deadline = time.monotonic() + timeout
    for link in waited:
        waiting.until_gone(links, link, max(0.0, deadline - time.monotonic()))


def bar(rollout: Rollout) -> str:
    """Return one line of at most 80 columns."""
    counts = rollout["counts"]
    total = counts["total"]
    over = counts["done"] + counts["failed"] + counts["away"]
    filled = _WIDTH * over // total if total else _WIDTH
    return f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {over}/{total} {rollout['state']}, {summary(rollout)}"[:80]


def summary(rollout: Rollout) -> str:
    """Return how many hosts are in which state, without those that are 0."""
    counts = rollout["counts"]
    told = {
        "done": counts["done"],
        "failed": counts["failed"],
        "away": counts["away"],
        "at work": counts["started"],
        "waiting": counts["waiting"],
    }
    return ", ".join(f"{count} {name}" for name, count in told.items() if count) or "no hosts"
