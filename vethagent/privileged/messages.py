"""pyroute2's messages about devices without all else that it has.

By itself the import of any part imports all parts, databases and remote calls and all: a quarter of a helper's start.
"""

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from typing import Any

_WHOLE = "pyroute2"


def link_message() -> Any:
    """Return the class ``ifinfmsg``."""
    if _WHOLE not in sys.modules:
        with contextlib.suppress(ImportError, AttributeError), _bare():  # of another version it may need the whole
            return _imported()
    return _imported()


def _imported() -> Any:
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

    return ifinfmsg


@contextlib.contextmanager
def _bare() -> Iterator[None]:
    """Have a package of that name in which nothing was done yet; who wants the whole imports all of it afterwards."""
    spec = importlib.util.find_spec(_WHOLE)
    if spec is None:
        raise ImportError(_WHOLE)
    sys.modules[_WHOLE] = importlib.util.module_from_spec(spec)
    try:
        yield
    finally:
        # A copy: other threads import meanwhile.
        for name in [name for name in list(sys.modules) if name == _WHOLE or name.startswith(f"{_WHOLE}.")]:
            del sys.modules[name]
