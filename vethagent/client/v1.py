"""Version 1 of the API."""

from keystoneauth1 import adapter

from vethagent.client.agents import Agents
from vethagent.client.events import Events
from vethagent.client.hosts import Hosts
from vethagent.client.links import Links
from vethagent.client.rollouts import Rollouts
from vethagent.client.templates import Templates
from vethagent.client.transport import Transport


class Client:
    """The API's resources: ``links``, ``templates``, ``rollouts``, ``agents``, ``events`` and ``hosts``."""

    def __init__(self, http: adapter.Adapter) -> None:
        transport = Transport(http)
        self.links = Links(transport)
        self.agents = Agents(transport)
        self.events = Events(transport)
        self.hosts = Hosts(transport)
        self.templates = Templates(transport)
        self.rollouts = Rollouts(transport)
