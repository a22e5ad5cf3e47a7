"""``vethagent-manage``: the database, and a look at the configuration."""

from vethagent.cmd import bootstrap

bootstrap.end_by_sigint()
bootstrap.choose("threading")

import argparse
import sys
from typing import Any

from oslo_config import cfg

from vethagent import conf as options
from vethagent import exceptions
from vethagent.cmd import common, config_check
from vethagent.controller import purging
from vethagent.controller.db import migration

bootstrap.imported()

PROG = "vethagent-manage"


def upgrade(conf: cfg.ConfigOpts) -> None:
    """Bring the tables to the newest revision."""
    with common.about_database(conf):
        print(f"the tables have revision {migration.upgrade(common.connection_url(conf))}")


def downgrade(conf: cfg.ConfigOpts) -> None:
    """Take the tables back to an older revision; what came with newer ones is lost."""
    with common.about_database(conf):
        migration.downgrade(common.connection_url(conf), conf.command.revision)
    version(conf)


def version(conf: cfg.ConfigOpts) -> None:
    """Tell the revision of the tables, and the newest one."""
    with common.about_database(conf):
        found = migration.current(common.open_database(conf, check=False))
    print(f"{found or 'no tables'} (newest: {migration.newest()})")


def purge(conf: cfg.ConfigOpts) -> None:
    """Delete old port events, and what is remembered of deleted links, of agents and of earlier roll-outs."""
    days = conf.command.days or conf.controller.event_retention
    # What is old is looked for among all that there is, which takes its time; nobody waits for it.
    database = common.open_database(conf, patient=True)
    purged = purging.purge(database, common.liveness(conf, database), days)
    print(
        f"{purged.events} port events, {purged.link_changes} changes of deleted links, {purged.agent_changes} of "
        f"agents, {purged.rollouts} roll-outs and {purged.revisions} revisions older than {days} days are deleted"
    )


def check_files(conf: cfg.ConfigOpts) -> None:
    """Tell all that is wrong in configuration files: misspelt names, values that are not possible."""
    files = conf.command.files or _named(conf) or config_check.default_files()
    problems = config_check.check(*files)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        raise SystemExit(1)
    print(f"no mistake found in {', '.join(files)}" if files else "there is no configuration file, defaults hold")


def _named(conf: cfg.ConfigOpts) -> list[str]:
    """Return the files that --config-file and --config-dir name, none if neither was given."""
    found = map(conf.get_location, ("config_file", "config_dir"))
    given = any(place is not None and place.location is cfg.Locations.command_line for place in found)
    return common.files(conf) if given else []


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 3650:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number from 1 to 3650")
    return int(text)


def _add_parsers(subparsers: Any) -> None:
    looks = subparsers.add_parser("config", help="the configuration").add_subparsers(dest="action", required=True)
    parser = looks.add_parser("check", help=check_files.__doc__)
    parser.set_defaults(run=check_files)
    told = "those that the services read if none is named, nor by an option"
    parser.add_argument("files", nargs="*", metavar="FILE", help=told)
    actions = subparsers.add_parser("db", help="the database").add_subparsers(dest="action", required=True)
    for action in (upgrade, downgrade, version, purge):
        parser = actions.add_parser(action.__name__, help=action.__doc__)
        parser.set_defaults(run=action)
        if action is downgrade:
            parser.add_argument("revision", help="such as 0001; 'base' for no tables at all")
        if action is purge:
            parser.add_argument("--days", type=_days, help="keep these; [controller] event_retention if not given")


def main(arguments: list[str] | None = None) -> None:
    """Run one command."""
    conf = cfg.CONF
    command = cfg.SubCommandOpt("command", title="commands", handler=_add_parsers)
    try:
        common.read(conf, PROG, options.list_controller_opts, arguments, commands=[command])
        if conf.command.run is not check_files:  # which tells more than the first mistake
            common.settle(conf, options.list_controller_opts)
        with common.printing():
            conf.command.run(conf)
    except exceptions.VethagentError as error:
        common.fail(PROG, error)


if __name__ == "__main__":
    main()
