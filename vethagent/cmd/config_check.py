"""Every mistake in configuration files, and not only the first one that a process would stop at."""

import contextlib
import dataclasses
import importlib.metadata
import pathlib
from collections.abc import Iterable, Iterator

import keystoneauth1.loading
from keystoneauth1.exceptions import NoMatchingPlugin
from oslo_config import cfg

from vethagent import privileged
from vethagent.cmd.bootstrap import PROJECT

#: Who lists options that a service of ours reads, by the names of the entry points of oslo.config.opts.
NAMESPACES = (
    "vethagent",
    "keystonemiddleware.auth_token",
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

Known = dict[str, dict[str, cfg.Opt]]


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


def check(path: str) -> list[Problem]:
    """Return all that is wrong with the file."""
    sections: dict[str, dict[str, list[str]]] = {}
    try:
        cfg.ConfigParser(path, sections).parse()
    except (cfg.ConfigFileParseError, cfg.ParseError, OSError, UnicodeDecodeError) as error:
        return [Problem(path, None, getattr(error, "strerror", None) or str(error))]
    known = _known(sections)
    return [Problem(path, section, text) for section, texts in _wrong(sections, known) for text in texts]


def _wrong(sections: dict[str, dict[str, list[str]]], known: Known) -> Iterator[tuple[str, list[str]]]:
    for section, found in sections.items():
        if section not in known:
            yield section, ["there is no such section"]
            continue
        for name, values in found.items():
            option = known[section].get(name)
            if option is None:
                yield section, [f"there is no option {name!r}"]
            else:
                yield section, list(_wrong_values(option, values))


def _wrong_values(option: cfg.Opt, values: list[str]) -> Iterator[str]:
    for value in values if option.multi else values[-1:]:
        if "$" in value:
            continue  # stands for another option
        try:
            option.type(value)
        except (ValueError, TypeError) as error:
            yield f"{option.name}: {error}"


def _known(sections: dict[str, dict[str, list[str]]]) -> Known:
    known: Known = {}
    for entry in importlib.metadata.entry_points(group="oslo.config.opts"):
        if entry.name in NAMESPACES:
            for group, options in entry.load()():
                _add(known, str(group or "DEFAULT"), options)
    if (options := known.pop(_PRIVSEP, None)) is not None:
        known[privileged.default.cfg_section] = options
    _add(known, _KEYSTONE, _keystone_options(sections.get(_KEYSTONE, {})))
    return known


def _add(known: Known, group: str, options: Iterable[cfg.Opt]) -> None:
    for option in options:
        for name in (option.name, option.dest):
            known.setdefault(group, {})[name] = option
        for old in option.deprecated_opts:
            known.setdefault(old.group or group, {})[old.name or option.name] = option


def _keystone_options(found: dict[str, list[str]]) -> list[cfg.Opt]:
    """Return what the auth plugin reads that the section names."""
    name = (found.get("auth_type") or found.get("auth_plugin") or ["password"])[-1]
    options = list(keystoneauth1.loading.get_auth_common_conf_options())
    with contextlib.suppress(NoMatchingPlugin):
        options += keystoneauth1.loading.get_auth_plugin_conf_options(name)
    return options
