"""Options, one file an audience, and which process reads which of them."""

from collections.abc import Callable

from oslo_config import cfg

from vethagent.conf import agent, api, common, controller

Options = list[tuple[str, list[cfg.Opt]]]


def list_agent_opts() -> Options:
    """Return what ``vethagent-agent`` reads, by group."""
    return common.list_opts() + agent.list_opts()


def list_controller_opts() -> Options:
    """Return what ``vethagent-controller`` and ``vethagent-manage`` read, by group."""
    return common.list_opts() + controller.list_opts()


def list_api_opts() -> Options:
    """Return what ``vethagent-api`` and the WSGI application read, by group."""
    return common.list_opts() + controller.list_opts() + api.list_opts()


def list_opts() -> Options:
    """Return every option, by group; ``vethagent-allinone`` reads them all."""
    return common.list_opts() + agent.list_opts() + controller.list_opts() + api.list_opts()


def register(conf: cfg.ConfigOpts, options: Callable[[], Options]) -> None:
    """Register what ``options`` (one of the functions above) returns."""
    for group, opts in options():
        conf.register_opts(opts, group=None if group == "DEFAULT" else group)
