"""What a process does on SIGUSR2: it tells what each of its threads is doing, and goes on."""

from oslo_config import cfg
from oslo_reports import guru_meditation_report, opts

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
    guru_meditation_report.TextGuruMeditation.setup_autorun(_Version(), service_name=prog, conf=conf)
