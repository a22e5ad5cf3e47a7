"""How often one client may ask."""

import collections
import threading
import time

import falcon

from vethagent.controller.errors import OperationError


class TooManyRequests(OperationError):
    """The client is to wait a second."""

    code = "TOO_MANY_REQUESTS"


class RateLimit:
    """Middleware: at most ``per_second`` requests from one address, counted in this process.

    No thread is started to forget with: there may be none left, and who asks is not to blame.
    """

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._lock = threading.Lock()
        self._second = 0
        self._asked: collections.Counter[str] = collections.Counter()

    def process_request(self, request: falcon.Request, response: falcon.Response) -> None:
        """Raise TooManyRequests."""
        address = request.remote_addr
        if self._count(address) > self._per_second:
            response.set_header("Retry-After", "1")
            raise TooManyRequests(f"more than {self._per_second} requests in a second came from {address}")

    def _count(self, address: str) -> int:
        """Return how often an address has asked in this second; all others are forgotten with the second."""
        with self._lock:
            second = int(time.monotonic())
            if second != self._second:
                self._second = second
                self._asked.clear()
            self._asked[address] += 1
            return self._asked[address]
