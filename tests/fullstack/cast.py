"""Cast messages to an agent as they are, past our own client, which would not send them.

usage: cast.py TRANSPORT_URL HOST; (method, arguments) pairs come as JSON from the standard input, or (method,
arguments, context).
"""

import json
import sys

import oslo_messaging
from oslo_config import cfg


def main(url: str, host: str) -> None:
    cfg.CONF([], project="cast")
    oslo_messaging.set_transport_defaults(control_exchange="vethagent")
    transport = oslo_messaging.get_rpc_transport(cfg.CONF, url=url)
    target = oslo_messaging.Target(topic="vethagent-agent", server=host, version="1.0")
    client = oslo_messaging.get_rpc_client(transport, target)
    for method, arguments, *context in json.load(sys.stdin):
        client.cast(context[0] if context else {}, method, **arguments)
    transport.cleanup()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
