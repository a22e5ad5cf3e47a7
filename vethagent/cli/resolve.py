"""From what people call a link to the link."""

import itertools
import re
import uuid
from collections.abc import Iterator

from osc_lib import exceptions

from vethagent.cli.base import UsageError
from vethagent.client.exceptions import NotFound
from vethagent.client.links import Links
from vethagent.client.templates import Templates
from vethagent.client.types import Link, LinkTemplate

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
#: As much of an id as a narrow table or the picture of a host shows, and what more of it may be given.
SHORT = 8
_BEGINNING = re.compile(rf"(?=[0-9a-f-]{{{SHORT},}}$)[0-9a-f]{{8}}(-[0-9a-f]{{0,4}}){{0,3}}(-[0-9a-f]{{0,12}})?", re.I)
_LOWEST = str(uuid.UUID(int=0))


class NoLink(exceptions.CommandError):
    """No link has that id or name."""


def is_id(text: str) -> bool:
    """Return whether ``text`` looks like the id of a link."""
    return _ID.fullmatch(text) is not None


def link_of(links: Links, id_or_name: str, host: str | None = None) -> Link:
    """Return the link with that id or name; CommandError says what to do if there is none or more than one.

    If no link has that name, it may be the beginning of an id.
    """
    if not id_or_name:
        raise UsageError("the id or name of a link must not be empty")
    found = _by_id(links, id_or_name) if is_id(id_or_name) else None
    matches = [found] if found is not None else list(links.list(name=id_or_name, host=host))
    if host is not None:
        matches = [link for link in matches if link["host"] == host]
    if not matches and _BEGINNING.fullmatch(id_or_name):
        matches = list(itertools.islice(_beginning_with(links, id_or_name.lower(), host), 2))
        if len(matches) > 1:
            raise exceptions.CommandError(f"The ids of several links begin with {id_or_name}: give more of it")
    if not matches:
        place = f" on host {host}" if host else ""
        raise NoLink(f"There is no link {id_or_name!r}{place}: see 'link list'")
    if len(matches) > 1:
        hosts = ", ".join(sorted(link["host"] for link in matches))
        raise exceptions.CommandError(f"Several hosts have a link named {id_or_name!r}: {hosts}; pick one with --host")
    return matches[0]


def _by_id(links: Links, link_id: str) -> Link | None:
    try:
        return links.get(link_id.lower())
    except NotFound:
        return None


def _beginning_with(links: Links, beginning: str, host: str | None) -> Iterator[Link]:
    """Yield the links whose ids begin so, by asking for those that follow the last id before it."""
    number = int((beginning + _LOWEST[len(beginning) :]).replace("-", ""), 16)
    before = str(uuid.UUID(int=max(0, number - 1)))
    for link in links.list(host=host, marker=before, limit=2):
        if link["id"].startswith(beginning):
            yield link


def shown_as(name: str | None, link_id: str, *, short: bool) -> str:
    """Return what a table calls a link: its name, or its id, of which the beginning is enough for ``link_of``."""
    return name or (link_id[:SHORT] if short else link_id)


def label_of(link: Link) -> str:
    """Return what people call the link: its name, or its id if it has none."""
    return shown_as(link["name"], link["id"], short=False)


def template_of(templates: Templates, id_or_name: str) -> LinkTemplate:
    """Return the link template with that id or name; CommandError if there is none."""
    if not id_or_name:
        raise UsageError("the id or name of a template must not be empty")
    if is_id(id_or_name):
        try:
            return templates.get(id_or_name.lower())
        except NotFound:
            pass
    for template in templates.list(name=id_or_name):
        return template
    raise exceptions.CommandError(f"There is no template {id_or_name!r}: see 'template list'")
