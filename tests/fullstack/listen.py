"""Write notifications as they come, one JSON object a line, as another system would hear them.

usage: listen.py TRANSPORT_URL
"""

import json
import sys
import threading
from typing import Any

import oslo_messaging
from oslo_config import cfg


class Listener:
    """Takes those of every priority that is used."""

    def info(self, _context: Any, publisher: str, event_type: str, payload: Any, _metadata: Any) -> None:
        # Line and end at once: several threads write.
        said = json.dumps({"publisher": publisher, "event_type": event_type, "payload": payload})
        print(f"{said}\n", end="", flush=True)

    error = info


def main(url: str) -> None:
    cfg.CONF([], project="listen")
    transport = oslo_messaging.get_notification_transport(cfg.CONF, url=url)
    targets = [oslo_messaging.Target(topic="notifications")]
    listener = oslo_messaging.get_notification_listener(transport, targets, [Listener()])
    listener.start()
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1])
