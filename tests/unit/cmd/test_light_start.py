"""An agent starts often and on all hosts: it loads what it needs, not what its helper or nobody needs."""

import subprocess
import sys

SCRIPT = """
import sys
import vethagent.cmd.agent
print([name for name in ("pyroute2", "jinja2", "sqlalchemy", "falcon") if name in sys.modules])
import vethagent.privileged.batch
print("pyroute2" in sys.modules)
"""


def test_an_agent_loads_what_it_needs_and_its_helper_all_before_it_gives_up_privileges() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\nTrue\n"
