"""What acts of a soak have in common."""

import contextlib
import dataclasses
import random
import time
from collections.abc import Callable, Iterator

from tests.functional.agent import sabotage
from tools.soak.record import REPAIR, Record
from tools.soak.site import Site

HARMS = (*sabotage.ALL, sabotage.MTU)
#: Any of these may come together: none takes a mark away, or the pair.
_MILD = (
    "taken out of the bridge",
    "tag set",
    "first end set down",
    "second end set down",
    "address changed",
    "VLANs picked",
    "MTU requested",
    "checksum offload on",
    "GRO on",
    "MTU changed",
)
MILD = tuple(harm for harm in HARMS if harm.name in _MILD)


@dataclasses.dataclass(frozen=True)
class Act:
    """``do`` may happen ``weight`` times as often as one with 1."""

    weight: float
    do: Callable[[Site, random.Random, Record], None]


@contextlib.contextmanager
def measured(kind: str, record: Record, group: str = REPAIR, *, since: float | None = None) -> Iterator[None]:
    """What is waited for in the block is counted, and apart from it all the time ``since`` a moment before."""
    began = time.monotonic()
    with named(kind):
        yield
    ended = time.monotonic()
    record.done(kind, ended - began, group, in_all=None if since is None else ended - since)


@contextlib.contextmanager
def named(kind: str) -> Iterator[None]:
    """What fails in the block tells which act it was."""
    try:
        yield
    except Exception as error:
        raise AssertionError(f"{kind}: {error}") from error
