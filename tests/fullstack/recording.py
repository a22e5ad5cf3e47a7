"""What a release says over the bus, and what it understands, kept for the releases that come after it.

A record is a file of JSON: ``messages`` as tap.Tap tells them, the first few of each kind, and ``schemas`` by which a
reader of that release takes them.
"""

import json
import pathlib
import sys
from collections.abc import Iterator, Mapping, Sequence

from tests.support import commands, tap

#: Messages of a kind that are kept.
_FEW = 2

_SCHEMAS = """
import json
from vethagent import model

def concrete(kind):
    return [found for child in kind.__subclasses__() for found in (child, *concrete(child))]

print(json.dumps({kind.__name__: kind.model_json_schema() for kind in concrete(model.Message)}))
"""


def write(path: pathlib.Path, said: Sequence[tap.Said], env: Mapping[str, str]) -> None:
    """Write the record of the release that Python finds with ``env``."""
    schemas = json.loads(commands.run(sys.executable, "-c", _SCHEMAS, env=env).stdout)
    messages = ",\n".join(json.dumps(each, sort_keys=True) for each in _few(said))
    kinds = ",\n".join(f'"{name}": {json.dumps(schema, sort_keys=True)}' for name, schema in sorted(schemas.items()))
    path.write_text(f'{{"messages": [\n{messages}\n],\n"schemas": {{\n{kinds}\n}}}}\n', encoding="utf-8")


def _few(said: Sequence[tap.Said]) -> Iterator[tap.Said]:
    kept: dict[tuple[str, ...], int] = {}
    for each in said:
        kind = (each["method"], *_kinds(each))
        kept[kind] = kept.get(kind, 0) + 1
        if kept[kind] <= _FEW:
            yield each


def _kinds(said: tap.Said) -> list[str]:
    """Return the kinds of events in a message, which is worth keeping for each of them."""
    events = said["arguments"].get("events")
    return sorted({event["kind"] for event in events["events"]}) if isinstance(events, dict) else []
