"""What a process does on SIGUSR2: it tells what each of its threads is doing, and goes on."""

import signal
from types import FrameType
from typing import Any

from oslo_config import cfg
from oslo_reports import opts

from vethagent.cmd import common
from vethagent.cmd.bootstrap import PROJECT


class _Version:
    """Who is speaking, as oslo.reports asks for it."""

    def vendor_string(self) -> str:
        return PROJECT

    def product_string(self) -> str:
        return PROJECT

    def version_string_with_package(self) -> str:
        return common.version()


def prepare(conf: cfg.ConfigOpts, prog: str) -> None:
    """Take the signal; the report goes to stderr, or to a file in ``[oslo_reports] log_dir``. Secrets are masked."""
    opts.set_defaults(conf)
    if conf.oslo_reports.file_event_handler:
        _report().setup_autorun(_Version(), service_name=prog, conf=conf)
        return

    def tell(_number: int, frame: FrameType | None) -> None:
        _report().handle_signal(_Version(), prog, conf.oslo_reports.log_dir, frame)

    signal.signal(signal.SIGUSR2, tell)


def _report() -> type[Any]:
    # Here and not above: it takes a template engine, a twentieth of an agent's start, and is seldom wanted.
    from oslo_reports.guru_meditation_report import TextGuruMeditation

    return TextGuruMeditation
