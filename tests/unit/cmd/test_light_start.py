"""An agent starts often and on all hosts: it loads what it needs, not what its helper or nobody needs."""

import subprocess
import sys

SCRIPT = """
import sys
import vethagent.cmd.agent
print([name for name in ("pyroute2", "jinja2", "sqlalchemy", "falcon", "psycopg2") if name in sys.modules])
import vethagent.privileged.batch
from vethagent.privileged import encoding
print(encoding.prepare.cache_info().currsize, encoding.prepare().message.__name__, "pyroute2" in sys.modules)
import pyroute2
print(pyroute2.IPRoute.__name__, pyroute2.netlink.rtnl.ifinfmsg.ifinfmsg.__name__)
"""


def test_an_agent_loads_what_it_needs_and_its_helper_all_before_it_gives_up_privileges() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n1 ifinfmsg False\nIPRoute ifinfmsg\n"


def test_another_pyroute2_may_need_all_of_itself() -> None:
    script = """
import sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "pyroute2.netlink" and not hasattr(sys.modules["pyroute2"], "IPRoute") and not self.seen:
            self.seen = True
            raise ImportError(name)
    seen = False
sys.meta_path.insert(0, Finder())
from vethagent.privileged import messages
print(messages.link_message().__name__, "pyroute2.ndb" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "ifinfmsg True\n"
