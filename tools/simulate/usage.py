"""What processes with all their children have used."""

import contextlib
import dataclasses
from collections.abc import Mapping

import psutil


@dataclasses.dataclass(frozen=True)
class Used:
    """Seconds of CPU so far, and bytes of memory now that no other process has."""

    cpu: float
    memory: int


def used(roots: Mapping[str, int]) -> dict[str, Used]:
    """Return what each has used, by the name that its pid has in ``roots``."""
    return {name: _used(pid) for name, pid in roots.items()}


def _used(pid: int) -> Used:
    cpu, memory = 0.0, 0
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                cpu += times.user + times.system
                memory += process.memory_full_info().uss
    return Used(cpu, memory)
