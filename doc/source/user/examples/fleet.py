"""Give a link to all hosts of a rack and look on until they have it: python fleet.py NAME rack=7 BRIDGE BRIDGE."""

import sys
import time

from keystoneauth1 import noauth

from vethagent.client.session import make_adapter, make_session
from vethagent.client.v1 import Client

API = "http://127.0.0.1:9798"


def main(api: str, name: str, label: str, first: str, second: str) -> None:
    """Create a template, follow its roll-out, and name the hosts that failed."""
    client = Client(make_adapter(make_session(noauth.NoAuth(), api_url=api), api_url=api))
    template = client.templates.create(
        {
            "name": name,
            "link": {"ends": [{"bridge": first}, {"bridge": second}]},
            "selector": {"labels": [label]},
            "policy": {"canary": 1, "batch_size": 20, "max_failure_share": 0.05},
        }
    )
    rollout = template["rollout"]
    while rollout["state"] == "RUNNING":
        time.sleep(0.5)
        rollout = client.rollouts.get(rollout["id"])
    counts = rollout["counts"]
    print(rollout["state"], f"{counts['done']} of {counts['total']} hosts", rollout["message"])
    for member in client.templates.hosts(template["id"], state="FAILED"):
        print(member["host"], member["message"])


if __name__ == "__main__":
    main(API, *sys.argv[1:])
