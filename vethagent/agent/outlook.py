"""What a host is to come to, for comparison with what the controller has."""

import dataclasses
from collections.abc import Mapping

from vethagent import model


@dataclasses.dataclass(frozen=True, slots=True)
class Removal:
    """A link that is to go, and how it was wanted if that is known."""

    ref: model.LinkRef
    link: model.BridgeLink | None


@dataclasses.dataclass(frozen=True, slots=True)
class Outlook:
    """Generations by link id: of what is wanted, and of what is to go."""

    wanted: Mapping[str, int]
    going: Mapping[str, int]

    def digest(self) -> str:
        """Return the digest over all that is wanted."""
        return model.desired_digest(self.wanted.items())


def is_another(known: model.BridgeLink, link: model.BridgeLink) -> bool:
    """Return whether another request made it: an older copy of the database comes to the same generations again."""
    return (known.generation, known.request_id) != (link.generation, link.request_id)
