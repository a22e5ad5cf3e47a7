"""What the machine must have for the tests that make hosts; not having it is a failure, never a skip."""

import os
import shutil

from tests.support import namespaces

_PROGRAMS = ("ip", "ping", "ethtool", "setpriv", "ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl")


class UnfitMachine(Exception):
    """Hosts cannot be made here; the text says why."""


def prepare() -> None:
    """Raise UnfitMachine unless hosts can be made here; remove those that crashed runs have left."""
    if os.geteuid() != 0:
        raise UnfitMachine("network namespaces need root")
    if missing := [program for program in _PROGRAMS if not shutil.which(program)]:
        raise UnfitMachine(f"not installed: {', '.join(missing)} (see bindep.txt)")
    namespaces.remove_leftovers()
