"""Join two bridges of a host and wait until traffic can pass: python create.py HOST BRIDGE BRIDGE."""

import sys
import time

from keystoneauth1 import noauth

from vethagent.client.session import make_adapter, make_session
from vethagent.client.v1 import Client

API = "http://127.0.0.1:9798"


def main(api: str, host: str, first: str, second: str) -> None:
    """Create the link and print what became of it."""
    client = Client(make_adapter(make_session(noauth.NoAuth(), api_url=api), api_url=api))
    link = client.links.create({"host": host, "ends": [{"bridge": first}, {"bridge": second}]})
    deadline = time.monotonic() + 60
    while link["status"] == "BUILD" and time.monotonic() < deadline:
        time.sleep(0.5)
        link = client.links.get(link["id"])
    print(link["id"], link["status"], link["message"])


if __name__ == "__main__":
    main(API, *sys.argv[1:])
