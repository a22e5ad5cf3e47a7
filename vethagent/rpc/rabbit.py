"""What oslo.messaging's driver for RabbitMQ does not do by itself."""

from typing import Any

from oslo_messaging._drivers import impl_rabbit

_Connection: Any = impl_rabbit.Connection


class Connection(_Connection):
    """A connection that is made anew after a message which could not be sent.

    By itself the driver closes only the channel then. If the broker is there but takes nothing, as when it hangs or has
    no memory left, the connection stays, kombu gives out the closed channel as its default one for ever, and each
    message of the next days is refused with 'connection already closed'. And to close a channel is to wait for an
    answer, which does not come.
    """

    def _set_current_channel(self, new_channel: Any) -> None:
        if new_channel is None and self.channel is not None:
            self.connection.collect()
        super()._set_current_channel(new_channel)


def use() -> None:
    """Have all transports that are made from now on use ``Connection``."""
    impl_rabbit.Connection = Connection
