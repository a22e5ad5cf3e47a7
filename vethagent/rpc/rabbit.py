"""What oslo.messaging's driver for RabbitMQ does not do by itself."""

from collections.abc import Callable
from typing import Any, TypeVar

import kombu.exceptions
import oslo_messaging
from oslo_messaging._drivers import impl_rabbit

_Connection: Any = impl_rabbit.Connection

T = TypeVar("T")


class Connection(_Connection):
    """A connection to any node of a cluster, that is made anew after a message which could not be sent.

    By itself the driver closes only the channel then. If the broker is there but takes nothing, as when it hangs or has
    no memory left, the connection stays, kombu gives out the closed channel as its default one for ever, and each
    message of the next days is refused with 'connection already closed'. And to close a channel is to wait for an
    answer, which does not come.
    """

    def __init__(self, conf: Any, url: Any, purpose: Any, retry: int | None = None) -> None:
        """With a ``retry`` of 0 each node is tried once, as in ``ensure``."""
        self._hosts = url.hosts
        super().__init__(conf, url, purpose, retry=len(url.hosts[1:]) if retry == 0 else retry)

    def ensure(self, method: Callable[[], T], retry: int | None = None, **callbacks: Any) -> T:
        """Connect to the next node that is there first, if there is no connection.

        Without this a connection that is sent over with ``retry=0`` goes to the same node for ever, dead or not: kombu
        turns to the next one when it tries again, and then only.
        """
        if retry == 0 and self.channel is None:
            self._connect()
        result: T = super().ensure(method, retry=retry, **callbacks)
        return result

    def _connect(self) -> None:
        try:
            self.ensure_connection()
        except kombu.exceptions.OperationalError as error:
            servers = " or ".join(f"{host.hostname}:{host.port or 5672}" for host in self._hosts)
            raise oslo_messaging.MessageDeliveryFailure(
                f"Unable to connect to AMQP server on {servers}: {error}"
            ) from error

    def _set_current_channel(self, new_channel: Any) -> None:
        if new_channel is None and self.channel is not None:
            self.connection.collect()
        super()._set_current_channel(new_channel)


def use() -> None:
    """Have all transports that are made from now on use ``Connection``."""
    impl_rabbit.Connection = Connection
