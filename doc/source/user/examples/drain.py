"""Pause the agents of one rack before somebody works there: python drain.py rack=7."""

import sys

from keystoneauth1 import noauth

from vethagent.client.session import make_adapter, make_session
from vethagent.client.v1 import Client

API = "http://127.0.0.1:9798"


def main(api: str, label: str) -> None:
    """Pause each agent that reports."""
    client = Client(make_adapter(make_session(noauth.NoAuth(), api_url=api), api_url=api))
    for agent in client.agents.list(label=label, alive=True):
        client.agents.update(agent["host"], {"mode": "paused"})
        print(agent["host"], "is paused")


if __name__ == "__main__":
    main(API, *sys.argv[1:])
