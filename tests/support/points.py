"""The points of vethagent where a process can be killed or stopped, found by their names in its source."""

import pathlib
import re

import vethagent

#: Each has its name written where it is passed; a method that hands one on has the name of its parameter there.
_CALL = re.compile(r"\b(?:faults\.point|self\._step)\(([^)]*)\)")
_NAME = re.compile(r'"((?:agent|helper)-[a-z-]+)"')


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
