"""The points of vethagent where a process can be killed or stopped, found by their names in its source.

``test_half_done.py`` and ``test_half_done_helper.py`` of ``tests/functional/agent`` walk those that are named here. A
batch is done in parts, of which the first makes no pair, the second makes pairs, and the last waits for ovs-vswitchd. A
fault strikes whoever comes first.
"""

import pathlib
import re

import vethagent

#: Each has its name written where it is passed; a method that hands one on has the name of its parameter there.
_CALL = re.compile(r"\b(?:faults\.point|self\._step)\(([^)]*)\)")
_NAME = re.compile(r'"((?:agent|helper)-[a-z-]+)"')

#: What an agent comes to in the first part, in this order, or before and after all of them.
AGENT = (
    "agent-storing",
    "agent-saved",
    "agent-detached",
    "agent-operated",
    "agent-attached",
    "agent-concluded",
    "agent-told",
    "agent-sending",
    "agent-delivered",
)
#: What it comes to in another state of the host once the first part is over.
AGENT_LATER = ("agent-operated", "agent-detached")
#: What it comes to in its start, and while it takes back pairs of which the other half could not be made.
AGENT_START, TAKING_BACK = "agent-answered", ("agent-half-made", "agent-taken-back")
#: What the helper comes to in the first part, and where pairs are made.
HELPER = (
    "helper-looked",
    "helper-grouped",
    "helper-deleted",
    "helper-adopted",
    "helper-renamed",
    "helper-set",
    "helper-changed",
    "helper-created",
    "helper-done",
)
HELPER_MAKING = (
    "helper-sent",
    "helper-made",
    "helper-offloaded",
    "helper-attached",
    "helper-created",
    "helper-done",
)


def names() -> list[str]:
    """Return the names of all points, each once, sorted; AssertionError if one has no name that can be read."""
    found = []
    for path in pathlib.Path(vethagent.__path__[0]).rglob("*.py"):
        for argument in _CALL.findall(path.read_text()):
            name = _NAME.fullmatch(argument)
            assert name or argument == "name", f"{path}: the point {argument} has no name that tests can find"
            found += [name[1]] if name else []
    assert len(found) == len(set(found)), f"a name is used twice: {sorted(found)}"
    return sorted(found)
