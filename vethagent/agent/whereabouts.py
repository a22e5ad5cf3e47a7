"""Which links want what: by the names of their devices and bridges."""

from collections import defaultdict
from collections.abc import Iterator

from vethagent import model
from vethagent.plumbing import naming


class Whereabouts:
    """Of the ends of links as they are wanted; what is added has to be taken out as it was added."""

    def __init__(self) -> None:
        self._by_device: defaultdict[str, set[str]] = defaultdict(set)
        self._by_bridge: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, link: model.BridgeLink) -> None:
        """A link is wanted."""
        for index, name in self._entries(link):
            index[name].add(link.id)

    def remove(self, link: model.BridgeLink) -> None:
        """It is not any more, or otherwise."""
        for index, name in self._entries(link):
            if name in index:
                index[name].discard(link.id)
                if not index[name]:
                    del index[name]

    def with_device(self, name: str) -> set[str]:
        """Return the ids of the links that want a device of this name."""
        return self._by_device.get(name, set())

    def with_bridge(self, name: str) -> set[str]:
        """Return the ids of the links that want an end in this bridge."""
        return self._by_bridge.get(name, set())

    def _entries(self, link: model.BridgeLink) -> Iterator[tuple[defaultdict[str, set[str]], str]]:
        for end in naming.wanted_ends(link):
            yield self._by_device, end.device
            yield self._by_bridge, end.bridge
