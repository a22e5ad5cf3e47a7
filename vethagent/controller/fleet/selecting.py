"""Which agents a selector selects; pure."""

import fnmatch
import re
from collections.abc import Mapping

from vethagent import model

_SET = re.compile(r"^(?P<name>\S+) (?P<op>in|notin) \((?P<values>.*)\)$")


def selects(selector: model.Selector, host: str, labels: Mapping[str, str]) -> bool:
    """Return whether ``selector`` selects the agent of ``host``: one of its hosts, and all of its expressions fit."""
    named = not selector.hosts or any(fnmatch.fnmatchcase(host, pattern) for pattern in selector.hosts)
    return named and all(_fits(expression, labels) for expression in selector.labels)


def _fits(expression: str, labels: Mapping[str, str]) -> bool:
    """Return whether one expression fits. What excludes a value fits to agents that have no such label too."""
    if matched := _SET.match(expression):
        within = labels.get(matched["name"]) in matched["values"].split(",")
        return within == (matched["op"] == "in")
    if expression.startswith("!"):
        return expression[1:] not in labels
    name, equals, value = expression.partition("=")
    if not equals:
        return name in labels
    if name.endswith("!"):
        return labels.get(name[:-1]) != value
    return labels.get(name) == value
