"""``vethagent-status``: whether services of this version can be started."""

from vethagent.cmd import bootstrap

bootstrap.end_by_sigint()
bootstrap.choose("threading")

from typing import Any

import sqlalchemy
from oslo_config import cfg
from oslo_upgradecheck import upgradecheck
from oslo_upgradecheck.upgradecheck import Code, Result

from vethagent import conf as options
from vethagent import exceptions
from vethagent.cmd import common
from vethagent.controller import upgrade
from vethagent.controller.db import migration
from vethagent.controller.db.database import Database

bootstrap.imported()

PROG = "vethagent-status"

_HELP = "look whether tables, bus and agents are what this version can work with"


class Checks(upgradecheck.UpgradeCommands):
    """Run with the new program, before the services are started again: what is read may be as the old one left it."""

    def database(self) -> Result:
        """The tables are what this version wants."""
        try:
            common.open_database(cfg.CONF)
        except exceptions.VethagentError as error:
            return Result(Code.FAILURE, str(error))
        return Result(Code.SUCCESS)

    def bus(self) -> Result:
        """The bus has an address that can be used; it need not be there."""
        try:
            common.open_transport(cfg.CONF).cleanup()
        except exceptions.VethagentError as error:
            return Result(Code.FAILURE, str(error))
        return Result(Code.SUCCESS)

    def agents(self) -> Result:
        """Agents and this version understand each other."""
        try:
            database = common.open_database(cfg.CONF, check=False)
            if migration.current(database) is None:
                return Result(Code.SUCCESS)
            return upgrade.judge(_contracts(database))
        except exceptions.VethagentError as error:
            return Result(Code.FAILURE, str(error))

    _upgrade_checks = (("Database", database), ("Message bus", bus), ("Agents", agents))


def _contracts(database: Database) -> dict[str, str]:
    # Not by the models, which are those of the newest revision.
    with database.reader() as session:
        agents = sqlalchemy.Table("agents", sqlalchemy.MetaData(), autoload_with=session.connection())
        statement = sqlalchemy.select(agents.c.host, agents.c.contract_version)
        if "deleted_at" in agents.c:
            statement = statement.where(agents.c.deleted_at.is_(None))
        rows = session.execute(statement).all()
    return {row.host: row.contract_version for row in rows}


def _add_parsers(subparsers: Any) -> None:
    # That of the library takes any word for "check", and a word that is misspelt would do the same as the right one.
    parser = subparsers.add_parser("upgrade", help=_HELP)
    parser.add_argument("action", choices=["check"], metavar="check", help=_HELP)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(action_fn=Checks().check)


def main(arguments: list[str] | None = None) -> None:
    """Run the checks; the status is 0 if all is well, 1 for a warning, 2 for a failure."""
    conf = cfg.CONF
    command = cfg.SubCommandOpt("command", title="commands", handler=_add_parsers)
    # Its own main would set it, and read the configuration without the checks of ours.
    upgradecheck.CONF = conf
    try:
        common.configure(conf, PROG, options.list_controller_opts, arguments, commands=[command])
    except exceptions.VethagentError as error:
        common.fail(PROG, error, status=255)
    with common.printing():
        raise SystemExit(upgradecheck.run(conf))


if __name__ == "__main__":
    main()
