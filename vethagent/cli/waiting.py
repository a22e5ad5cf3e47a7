"""Waiting until the agent has done what was asked."""

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from osc_lib import exceptions

from vethagent.cli import parsing
from vethagent.cli.resolve import label_of
from vethagent.client.exceptions import ApiUnreachable, NotFound, Unavailable
from vethagent.client.links import Links
from vethagent.client.types import Link, LinkState

DEFAULT_TIMEOUT = 60.0

# A plug takes some hundredths of a second, so the first looks come soon; later ones do not burden the API.
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


class WaitFailed(exceptions.CommandError):
    """It did not come to be; ``link`` is the last that was seen of it."""

    def __init__(self, text: str, link: Link) -> None:
        super().__init__(text)
        self.link = link


def add_arguments(parser: argparse.ArgumentParser, wanted: str) -> None:
    """Add ``--wait`` and ``--timeout``."""
    parser.add_argument("--wait", action="store_true", help=f"Wait until the link is {wanted}; fail if it will not be")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=parsing.seconds,
        default=DEFAULT_TIMEOUT,
        help="How long to wait with --wait (default: %(default)g)",
    )


def until_settled(links: Links, link: Link, timeout: float) -> Link:
    """Return the link as soon as its agent says that its present generation is as wanted; else raise WaitFailed.

    As wanted is ACTIVE or, if the link is disabled, DOWN.
    """
    wanted = "ACTIVE" if link["admin_state_up"] else "DOWN"
    last = link

    def settled() -> bool:
        nonlocal last
        try:
            last = links.get(link["id"])
        except NotFound:
            raise WaitFailed(f"Link {label_of(link)} was deleted meanwhile", last) from None
        if not _is_answered(last, link["generation"]):
            return False
        if last["status"] in ("ERROR", "PENDING_DELETE"):
            raise WaitFailed(f"Link {label_of(link)} is {state_text(last)}", last)
        return last["status"] == wanted and (wanted == "ACTIVE" or last["reason"] == "ADMIN_DOWN")

    label = label_of(link)
    with _goes_on(f"The link is wanted all the same: see 'link show {label}', or end it with 'link delete {label}'"):
        in_time = poll(settled, timeout)
    if not in_time:
        text = f"Link {label} is not {wanted} after {timeout:g} s: it is {state_text(last)}"
        raise WaitFailed(f"{text}; 'link diagnose {label}' tells more", last)
    return last


def until_gone(links: Links, link: Link, timeout: float) -> None:
    """Return as soon as there is no such link any more; else raise WaitFailed."""
    last = link

    def gone() -> bool:
        nonlocal last
        try:
            last = links.get(link["id"])
        except NotFound:
            return True
        return False

    with _goes_on(f"Its end is wanted all the same: see 'link show {label_of(link)}'"):
        in_time = poll(gone, timeout)
    if not in_time:
        text = f"Link {label_of(link)} is not gone after {timeout:g} s: it is {state_text(last)}"
        raise WaitFailed(f"{text}; --force forgets it without its agent", last)


@contextlib.contextmanager
def _goes_on(sentence: str) -> Iterator[None]:
    """Say so to who ends the waiting with Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{sentence}\n")
        raise


def _is_answered(link: Link, generation: int) -> bool:
    """Return whether the status speaks of ``generation`` or a later one."""
    observed = link["observed_generation"]
    return observed is not None and observed >= generation


def state_text(link: Link | LinkState) -> str:
    """Return status, reason and message in a piece of a sentence."""
    reason = f" ({link['reason']})" if link["reason"] else ""
    message = f": {link['message']}" if link["message"] else ""
    return link["status"] + reason + message


def poll(done: Callable[[], bool], timeout: float) -> bool:
    """Return whether ``done`` came true within ``timeout`` seconds; an API that is away for a while does no harm."""
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while True:
        error: Exception | None = None
        try:
            if done():
                return True
        except (ApiUnreachable, Unavailable) as away:
            error = away
        left = deadline - time.monotonic()
        if left <= 0:
            if error is not None:
                raise error
            return False
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
