"""One way to the bus for clients and servers.

oslo.messaging reads options of its own from the global CONF only: with a private one the client raises NoSuchOptError
and the server drops messages without a word.
"""

import contextlib
import importlib.metadata
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import amqp
import kombu.exceptions
import oslo_messaging
import oslo_messaging.opts
from oslo_config import cfg, types
from oslo_messaging._drivers import amqpdriver

from vethagent import exceptions
from vethagent.rpc import rabbit

#: What travels beside every message: ``request_id`` of the request that caused it, and with a cast ``sent_at``, seconds
#: since 1970.
Context = dict[str, Any]

#: Exceptions of these modules come back from a call as themselves.
REMOTE_MODULES = ["vethagent.exceptions"]

T = TypeVar("T")

#: Seconds for which oslo.messaging listens before it looks whether a message is to be acknowledged, twice as long after
#: each look in vain. By itself it begins anew at 0.001 after every message, with a dozen looks of 0.4 ms in the next
#: seconds, the most of them while a host works on what the message asks for. RPC acknowledges what comes in at once.
_LISTEN = 0.1

#: Seconds without a sign of the broker; RabbitMQ's own advice is 5 to 20.
_HEARTBEAT = 20

#: Seconds for which a thread tries to answer who cannot be reached, as after the death of a broker and of hosts.
#: Nobody waits for the answer by then; by itself that is a minute, and a controller has 64 threads.
_ANSWERING = 10

#: How often a message is tried that a broker refuses, and seconds before the first repetition, twice as long each time.
#: A quorum queue whose leader has died has it refused until there is another one, which takes up to 0.6 s.
_TRIES, _ELECTION = 6, 0.1
#: After so many seconds the second time is the last, as for all else.
_TRYING = 1.5

_RABBIT = "oslo_messaging_rabbit"
#: How many threads do what comes in. oslo.messaging takes 0 and less, and then nothing is ever answered.
_POOL = "executor_thread_pool_size"
#: Ports that a transport_url need not name; what is not here has no other end that could be asked.
_PORTS = {"rabbit": 5672, "kafka": 9092}


def set_defaults(conf: cfg.ConfigOpts) -> None:
    """Adapt oslo.messaging's defaults; called before the configuration is read.

    Prefetch is unlimited by default: a backlog of casts then starves everything else in an agent. And a connection of
    which nothing arrives any more, because a firewall has forgotten it, is given up after a minute and a half only.
    """
    oslo_messaging.set_transport_defaults(control_exchange="vethagent")
    # Not list_opts(), which copies: the driver registers them again, and one that is deprecated and was read differs.
    for group, options in oslo_messaging.opts._opts:
        if group is None:
            for option in options:
                if option.name == _POOL:
                    option.type = types.Integer(min=1)
            conf.register_opts(options)
        elif str(group) == _RABBIT:
            conf.register_opts(options, group=_RABBIT)
    conf.set_default("rabbit_qos_prefetch_count", 1, group=_RABBIT)
    conf.set_default("heartbeat_timeout_threshold", _HEARTBEAT, group=_RABBIT)
    conf.set_default("kombu_missing_consumer_retry_timeout", _ANSWERING, group=_RABBIT)


def stay_within(conf: cfg.ConfigOpts) -> None:
    """Have messages go no further than this process, unless the configuration says so."""
    conf.set_default("transport_url", "fake://")


def prefer_throughput(conf: cfg.ConfigOpts) -> None:
    """Let a controller, which does many calls at once, take messages from the broker before it asks for more.

    With one at a time each waits for the acknowledgement of the last, and a full queue is worked off a fifth slower.
    What was read and not acknowledged when the process dies goes to another.
    """
    conf.set_default("rabbit_qos_prefetch_count", 64, group=_RABBIT)


def get_transport(conf: cfg.ConfigOpts) -> oslo_messaging.Transport:
    """Return the RPC transport that ``transport_url`` names; nothing is connected yet."""
    amqpdriver.ACK_REQUEUE_EVERY_SECONDS_MIN = _LISTEN
    rabbit.use()
    return oslo_messaging.get_rpc_transport(conf, allowed_remote_exmods=REMOTE_MODULES)


def get_notifier(conf: cfg.ConfigOpts, publisher_id: str) -> oslo_messaging.Notifier | None:
    """Return what sends notifications as ``[oslo_messaging_notifications]`` wants it, None if that names no driver.

    Raise what ``get_transport`` does; nothing is connected yet. An unknown driver is a ValueError: oslo.messaging only
    warns, and the notifications would go nowhere.
    """
    transport = oslo_messaging.get_notification_transport(conf)
    drivers = conf.oslo_messaging_notifications.driver
    for driver in drivers:
        check_driver("oslo.messaging.notify.drivers", driver)
    return oslo_messaging.Notifier(transport, publisher_id=publisher_id) if drivers else None


def check_driver(kind: str, name: str) -> None:
    """Raise ValueError unless an installed package has the driver ``name``; ``kind`` is a group of entry points.

    Raise ImportError if a library is missing that the driver takes.
    """
    known = importlib.metadata.entry_points(group=kind)
    if name not in known.names:
        raise ValueError(f"there is no driver {name!r}, only {', '.join(sorted(known.names))}")
    known[name].load()


def brokers(conf: cfg.ConfigOpts) -> tuple[tuple[str, int], ...]:
    """Return host and port of each broker that ``transport_url`` names; none if the bus is within this process."""
    url = oslo_messaging.TransportURL.parse(conf)
    port = _PORTS.get(url.transport)
    if port is None:
        return ()
    return tuple((host.hostname, host.port or port) for host in url.hosts if host.hostname)


def check_ports(brokers: Iterable[tuple[str, int]]) -> None:
    """Raise ValueError if one of ``brokers``, as ``brokers()`` returns them, has a port that there is not."""
    for host, port in brokers:
        if not 0 < port < 65536:
            raise ValueError(f"{host} has no port {port}")


def get_server(
    transport: oslo_messaging.Transport, topic: str, server: str, endpoint: object
) -> oslo_messaging.MessageHandlingServer:
    """Return a server that lets the bus call the methods of ``endpoint`` that are marked with ``rpc.expose``.

    ``start()`` blocks for as long as the broker cannot be reached.
    """
    return oslo_messaging.get_rpc_server(
        transport,
        oslo_messaging.Target(topic=topic, server=server),
        [endpoint],
        access_policy=oslo_messaging.ExplicitRPCAccessPolicy,
    )


def end(server: oslo_messaging.MessageHandlingServer) -> None:
    """End a server, after what is under way; this waits for the broker."""
    server.stop()
    server.wait()


def send(message: Callable[[], T]) -> T:
    """Call ``message``, and again if the broker did not take it; raise BusUnavailable.

    A connection that was there before the broker's restart, or to a node of a cluster that has died, is found dead only
    by using it. Whatever is sent here may arrive twice.
    """
    with _bus_errors():
        begun, pause = time.monotonic(), _ELECTION
        for number in range(1, _TRIES):
            try:
                return message()
            except oslo_messaging.MessageDeliveryFailure as error:
                refused = error.__context__ is not None and isinstance(
                    error.__context__.__cause__, amqp.exceptions.MessageNacked
                )
                if number > 1 and not (refused and time.monotonic() - begun < _TRYING):
                    raise
                if refused:
                    time.sleep(pause)
                    pause *= 2
        return message()


@contextlib.contextmanager
def _bus_errors() -> Iterator[None]:
    """Turn the many ways in which the bus is not there into BusUnavailable, and errors of the other side into ours."""
    try:
        yield
    except (
        oslo_messaging.MessagingTimeout,
        oslo_messaging.MessageDeliveryFailure,
        oslo_messaging.MessageUndeliverable,
        kombu.exceptions.KombuError,
        amqp.AMQPError,
        OSError,
    ) as error:
        raise exceptions.BusUnavailable(exceptions.named(error)) from error
    except exceptions.VethagentError as error:
        if type(error).__module__ in REMOTE_MODULES:
            raise
        # From the other side, made a kind of its own by oslo.messaging, with the traceback there in its text.
        raise type(error).__mro__[1](*error.args) from None
