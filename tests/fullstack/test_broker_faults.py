"""A broker that is there and does not do its work: agents, controller and API say so, go on, and need nobody after it.

Of a request that comes meanwhile the API says at once that it is stored.
"""

import pytest

from tests.fullstack import troubles
from tests.fullstack.outage import Outage
from tests.support import commands, deployment
from vethagent import constants

NODES = 1
AGENT = {"rpc_timeout": "2", "report_interval": "5"}


@pytest.mark.parametrize(
    "trouble", [troubles.hanging, troubles.without_room, troubles.without_permission, troubles.without_vhost]
)
def test_a_broker_that_is_of_no_use(outage: Outage, clean: deployment.Deployment, trouble: troubles.Trouble) -> None:
    with trouble(clean):
        outage.cut()
        outage.request()
        outage.wait_for_word("events does not work")
        outage.wait_for_word("bus does not work")
    outage.check()


def _delete_exchange(made: deployment.Deployment) -> None:
    """The queues stay, without a way into them, and nobody who listens to them is told."""
    resource = 'rabbit_misc:r(<<"/">>, exchange, <<"vethagent">>)'
    made.broker.control("eval", f'rabbit_exchange:delete({resource}, false, <<"a test">>).')


def test_the_exchange_is_deleted(outage: Outage, clean: deployment.Deployment) -> None:
    _delete_exchange(clean)
    outage.cut()
    outage.request()
    outage.wait_for_word("bus does not work")
    outage.check()
    commands.wait_until(outage.is_heard, what="an agent that listens to casts anew", timeout=90)


def test_a_queue_of_another_kind(outage: Outage, clean: deployment.Deployment, hub: deployment.Node) -> None:
    name = f"{constants.AGENT_TOPIC}.{hub.name}"
    hub.agent.stop()
    clean.broker.control("delete_queue", name)
    resource = f'rabbit_misc:r(<<"/">>, queue, <<"{name}">>)'
    clean.broker.control(
        "eval", f'{{new, _}} = rabbit_amqqueue:declare({resource}, true, false, [], none, <<"a test">>).'
    )
    hub.agent.start()
    outage.wait_for_word("casts are not heard")
    clean.broker.control("delete_queue", name)
    commands.wait_until(outage.is_heard, what="casts", timeout=60)
