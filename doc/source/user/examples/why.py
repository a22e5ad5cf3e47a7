"""Tell of each link that does not work why: python why.py."""

import sys

from keystoneauth1 import noauth

from vethagent.client.exceptions import NotFound
from vethagent.client.session import make_adapter, make_session
from vethagent.client.v1 import Client

API = "http://127.0.0.1:9798"


def main(api: str) -> None:
    """Print one line for each link."""
    client = Client(make_adapter(make_session(noauth.NoAuth(), api_url=api), api_url=api))
    for status in ("DOWN", "ERROR"):
        for link in client.links.list(status=status, sort="host"):
            try:
                diagnosis = client.links.diagnose(link["id"])
            except NotFound:  # gone meanwhile
                continue
            print(link["host"], link["id"], diagnosis["sentence"])


if __name__ == "__main__":
    main(API, *sys.argv[1:])
