"""Mistakes in configuration files: those that a process stops at, and every one for whoever asks."""

import dataclasses
import functools
import importlib.metadata
import pathlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from oslo_config import cfg

from vethagent import conf as options
from vethagent.cmd.bootstrap import PROJECT

_KEYSTONE_LIBRARY = "keystonemiddleware.auth_token"

#: Who lists options that a service of ours reads, by the names of the entry points of oslo.config.opts.
NAMESPACES = (
    "vethagent",
    _KEYSTONE_LIBRARY,
    "oslo.concurrency",
    "oslo.db",
    "oslo.log",
    "oslo.messaging",
    "oslo.middleware.http_proxy_to_wsgi",
    "oslo.policy",
    "oslo.privsep",
    "oslo.reports",
    "oslo.service.service",
)

#: Of these who reads a group of ours, "DEFAULT" is for all, has loaded the library anyway.
LIBRARIES = {
    "DEFAULT": ("oslo.concurrency", "oslo.log", "oslo.messaging", "oslo.reports", "oslo.service.service"),
    "agent": ("oslo.privsep",),
    "controller": ("oslo.db",),
    "api": ("oslo.middleware.http_proxy_to_wsgi", "oslo.policy"),
}

#: All sections that there can be beside those of ours.
SECTIONS = frozenset(
    {
        "database",
        "keystone_authtoken",
        "oslo_concurrency",
        "oslo_messaging_kafka",
        "oslo_messaging_notifications",
        "oslo_messaging_rabbit",
        "oslo_middleware",
        "oslo_policy",
        "oslo_reports",
        "vethagent_privileged",
    }
)

#: Programs with a file of their own name.
PROGRAMS = (
    "vethagent-agent",
    "vethagent-allinone",
    "vethagent-api",
    "vethagent-controller",
    "vethagent-manage",
    "vethagent-status",
)

_PRIVSEP, _KEYSTONE = "privsep", "keystone_authtoken"
#: In [keystone_authtoken] it names a section that has the options of the auth plugin.
_ELSEWHERE = "auth_section"

NO_VALUE = "it has no value"
#: Which one is not told: what follows may be half of a password.
_NO_OPTION = "what follows a $ is the name of no option; for a $ itself write $$"

Known = dict[str, dict[str, cfg.Opt]]
Sections = dict[str, dict[str, list[str]]]
#: Section, option and value -> what is wrong with a value that has the right type.
Look = Callable[[str, str, Any], str | None]


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is wrong, and where; ``str`` of it is one line."""

    file: str
    section: str | None
    text: str

    def __str__(self) -> str:
        where = f" [{self.section}]" if self.section else ""
        return " ".join(f"{self.file}:{where} {self.text}".split())


def default_files() -> list[str]:
    """Return the files that the programs read when none is named."""
    found: dict[str, None] = {}
    for prog in PROGRAMS:
        found.update(dict.fromkeys(cfg.find_config_files(project=PROJECT, prog=prog)))
        for folder in cfg.find_config_dirs(project=PROJECT, prog=prog):
            found.update(dict.fromkeys(map(str, sorted(pathlib.Path(folder).glob("*.conf")))))
    return list(found)


def check(*paths: str) -> list[Problem]:
    """Return all that is wrong with the files, which are read together, and with files and folders that they name."""
    files: dict[str, Sections] = {}
    unread: list[Problem] = []
    for path in paths:
        try:
            files[path] = _parsed(path)
        except (cfg.ConfigFileParseError, cfg.ParseError, OSError, UnicodeDecodeError) as error:
            unread.append(Problem(path, None, getattr(error, "strerror", None) or str(error)))
    known = _known(NAMESPACES)
    _add_keystone(known, files.values())
    named = _named_for_keystone(files.values())
    sections = {section for found in files.values() for section in found}
    # Here and not above: a process looks at such values when it uses them, and an agent has not what it takes.
    from vethagent.cmd import config_values

    def look(section: str, name: str, value: Any) -> str | None:
        if (section, name) == (_KEYSTONE, _ELSEWHERE):
            return None if value in sections else f"there is no section [{value}]"
        return config_values.problem(_KEYSTONE if section in named else section, name, value)

    return unread + list(_problems(files, known, look))


def check_for(paths: Iterable[str], listed: options.Options) -> Iterator[Problem]:
    """Return what is wrong with files that can be read, for a process that reads ``listed`` of our options.

    Of sections that only others read the names are looked at, and nothing else.
    """
    known = _known([library for group, _ in listed for library in LIBRARIES[group]])
    for group, ours in listed:
        _add(known, group, ours)
    own = {group for group, _ in options.list_opts()}
    files = {path: _parsed(path) for path in paths}
    named = _named_for_keystone(files.values())
    if "api" in known and _uses_keystone(files.values()):
        known |= _known([_KEYSTONE_LIBRARY])
        _add_keystone(known, files.values())
    others = (SECTIONS | own | named) - known.keys()
    looked_at = {
        path: {section: found for section, found in sections.items() if section not in others}
        for path, sections in files.items()
    }
    yield from _problems(looked_at, known)


def _parsed(path: str) -> Sections:
    sections: Sections = {}
    cfg.ConfigParser(path, sections).parse()
    return sections


def _uses_keystone(files: Iterable[Sections]) -> bool:
    strategies = [value for sections in files for value in sections.get("api", {}).get("auth_strategy", ())]
    return strategies[-1:] == ["keystone"]


def _problems(files: dict[str, Sections], known: Known, look: Look = lambda *_: None) -> Iterator[Problem]:
    for path, sections in files.items():
        for section, texts in _wrong(sections, known, look):
            yield from (Problem(path, section, text) for text in texts)


def _wrong(sections: Sections, known: Known, look: Look) -> Iterator[tuple[str, list[str]]]:
    for section, found in sections.items():
        if section not in known:
            yield section, ["there is no such section"]
            continue
        for name, values in found.items():
            option = known[section].get(name)
            if option is None:
                yield section, [f"there is no option {name!r}"]
            else:
                yield section, list(_wrong_values(section, option, values, known, look))


def _wrong_values(section: str, option: cfg.Opt, values: list[str], known: Known, look: Look) -> Iterator[str]:
    for value in values if option.multi else values[-1:]:
        if "$" in value:  # stands for another option
            problem = None if _stands_for_known(section, value, known) else _NO_OPTION
        else:
            problem = _wrong_value(section, option, value, look)
        if problem is not None:
            yield f"{option.dest}: {problem}"


def _wrong_value(section: str, option: cfg.Opt, value: str, look: Look) -> str | None:
    try:
        taken = option.type(value)
    except (ValueError, TypeError) as error:
        return plain(error)
    # An empty number is None for oslo.config; of libraries there are texts that may well be empty.
    empty = (None, "") if (section, option.dest) in _ours() else (None,)
    if taken in empty and option.default not in empty:
        return NO_VALUE
    return look(section, option.dest, taken)


def _stands_for_known(section: str, value: str, known: Known) -> bool:
    for found in cfg.ConfigOpts.Template.pattern.finditer(value.replace(r"\$", "$$")):
        if (name := found["named"] or found["braced"]) is not None:
            group, dot, option = name.partition(".")
            places = [group] if dot else [section, "DEFAULT"]
            if not any((option if dot else name) in known.get(place, ()) for place in places):
                return False
    return True


def plain(error: Exception) -> str:
    """Return what an error says, in words for somebody who does not know Python."""
    text = re.sub(r"invalid literal for int\(\) with base 10: (.*)", r"\1 is no whole number", str(error))
    return re.sub(r"could not convert string to float: (.*)", r"\1 is no number", text)


@functools.cache
def _ours() -> frozenset[tuple[str, str]]:
    return frozenset((group, option.dest) for group, listed in options.list_opts() for option in listed)


def _known(namespaces: Iterable[str]) -> Known:
    known: Known = {}
    wanted = set(namespaces)
    for entry in importlib.metadata.entry_points(group="oslo.config.opts"):
        if entry.name in wanted:
            for group, listed in entry.load()():
                _add(known, str(group or "DEFAULT"), listed)
    if (found := known.pop(_PRIVSEP, None)) is not None:
        # Here and not above: a controller has no helper and does not load what it takes. Nor does an agent below.
        from vethagent import privileged

        known[privileged.default.cfg_section] = found
    return known


def _add(known: Known, group: str, listed: Iterable[cfg.Opt]) -> None:
    for option in listed:
        for name in (option.name, option.dest):
            known.setdefault(group, {})[name] = option
        for old in option.deprecated_opts:
            known.setdefault(old.group or group, {})[old.name or option.name] = option


def _named_for_keystone(files: Iterable[Sections]) -> set[str]:
    return {value for sections in files for value in sections.get(_KEYSTONE, {}).get(_ELSEWHERE, ())}


def _add_keystone(known: Known, files: Collection[Sections]) -> None:
    """Add what the auth plugin reads, in the section that has it."""
    for section in _named_for_keystone(files) or {_KEYSTONE}:
        merged: dict[str, list[str]] = {}
        for sections in files:
            merged |= sections.get(section, {})
        _add(known, section, _keystone_options(merged))
    _add(known, _KEYSTONE, _keystone_options({"auth_type": [""]}))


def _keystone_options(found: dict[str, list[str]]) -> list[cfg.Opt]:
    """Return what the auth plugin reads that the section names."""
    import keystoneauth1.loading

    name = (found.get("auth_type") or found.get("auth_plugin") or ["password"])[-1]
    found_options = list(keystoneauth1.loading.get_auth_common_conf_options())
    if name in importlib.metadata.entry_points(group=keystoneauth1.loading.PLUGIN_NAMESPACE).names:
        found_options += keystoneauth1.loading.get_auth_plugin_conf_options(name)
    return found_options
