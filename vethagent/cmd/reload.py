"""SIGHUP: a process reads its files again, and goes on with what it has if there is a mistake in them by then."""

import contextlib
import io
import logging
from collections.abc import Callable
from typing import Any

from oslo_config import cfg

from vethagent import conf as options
from vethagent import exceptions
from vethagent.cmd import common, config_check, outlets

LOG = logging.getLogger(__name__)


def prepare(conf: cfg.ConfigOpts, listed: Callable[[], options.Options]) -> None:
    """Have ``conf.mutate_config_files`` read only files without a mistake, for a process that reads ``listed``.

    By itself it raises, and whoever answers the signal ends, or is left without the thread that could end it.
    """
    reread = conf.mutate_config_files

    def carefully() -> dict[Any, Any]:
        mistakes = _mistakes(conf, listed)
        if not mistakes:
            kept = _logging()
            try:
                with contextlib.redirect_stderr(io.StringIO()):
                    changed = reread()
                outlets.guard()  # with log_config_append handlers are made anew
                return changed
            except (Exception, SystemExit) as error:  # what log_config_append names may raise anything
                for logger, handlers, level, propagate in kept:
                    logger.handlers, logger.propagate = handlers, propagate
                    logger.setLevel(level)
                mistakes = [exceptions.one_line(error)]
        for mistake in mistakes:
            LOG.error("options stay as they are: %s", mistake)
        return {}

    conf.mutate_config_files = carefully  # type: ignore[method-assign]  # oslo.service calls it, and takes no other


def _logging() -> list[tuple[logging.Logger, list[logging.Handler], int, bool]]:
    """Return all loggers, with what oslo.log takes from them before it reads ``log_config_append`` again."""
    known = [logging.root, *logging.root.manager.loggerDict.values()]
    loggers = [logger for logger in known if isinstance(logger, logging.Logger)]
    return [(logger, logger.handlers, logger.level, logger.propagate) for logger in loggers]


def _mistakes(conf: cfg.ConfigOpts, listed: Callable[[], options.Options]) -> list[str]:
    try:
        return [str(problem) for problem in config_check.check_for(common.files(conf), listed())]
    except (cfg.Error, cfg.ParseError, OSError, ValueError) as error:
        return [exceptions.one_line(error)]
