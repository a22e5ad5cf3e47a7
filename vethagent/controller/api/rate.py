"""How often one client may ask."""

import falcon
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from vethagent.controller.errors import OperationError


class TooManyRequests(OperationError):
    """The client is to wait a second."""

    code = "TOO_MANY_REQUESTS"


class RateLimit:
    """Middleware: at most ``per_second`` requests from one address, counted in this process."""

    def __init__(self, per_second: int) -> None:
        self._item = RateLimitItemPerSecond(per_second)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def process_request(self, request: falcon.Request, response: falcon.Response) -> None:
        """Raise TooManyRequests."""
        try:
            passes = self._limiter.hit(self._item, request.remote_addr)
        except RuntimeError:
            return  # the library could start no thread to forget with: who asks is not to blame, and may need to look
        if not passes:
            response.set_header("Retry-After", "1")
            raise TooManyRequests(f"more than {self._item.amount} requests in a second came from {request.remote_addr}")
