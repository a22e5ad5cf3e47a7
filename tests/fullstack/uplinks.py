"""A link template as REST has it, and what its roll-outs have left behind."""

import http.client
from collections.abc import Sequence
from typing import Any

from tests.fullstack import people
from tests.support import commands, rest

#: Joined with ``br1`` by the template's links; nothing else is in it.
BRIDGE = "br-up"
_PATIENCE = 120.0


class Uplink:
    """One template over ``hosts``, which are in order: the first is the canary, and the others come by twos."""

    def __init__(self, api: rest.Rest, hosts: Sequence[str]) -> None:
        self._api = api
        self._hosts = hosts
        self._path = ""

    def create(self) -> None:
        """Make the template, which begins its first roll-out."""
        body = {"name": "uplink", "link": _link(BRIDGE), "selector": {"hosts": list(self._hosts)}}
        made = self._ask("POST", "/v1/link-templates", body | {"policy": {"canary": 1, "batch_size": 2, "pause": 0}})
        self._path = f"/v1/link-templates/{made['id']}"

    def change(self, bridge: str) -> None:
        """Have the links lead to another bridge."""
        self._ask("PATCH", self._path, {"link": _link(bridge)})

    def undo(self) -> None:
        """Go back to what was before."""
        self._ask("POST", f"/v1/rollouts/{self._rollout()['id']}/undo")

    def delete(self) -> None:
        """Delete the template, and wait until its links are gone."""
        ids = [link["id"] for link in self.links().values()]
        self._ask("DELETE", self._path)
        for link_id in ids:
            self._api.wait_until_gone(link_id)

    def wait_for(self, host: str, state: str) -> None:
        """Wait until what has become of ``host`` is ``state``."""

        def reached() -> bool:
            members = self._ask("GET", f"{self._path}/hosts")["hosts"]
            return any((each["host"], each["state"]) == (host, state) for each in members)

        commands.wait_until(reached, what=f"{host} {state}", timeout=_PATIENCE, interval=0.1)

    def wait_until(self, state: str) -> None:
        """Wait until the newest roll-out is ``state``."""
        commands.wait_until(
            lambda: self._rollout()["state"] == state, what=f"a roll-out {state}", timeout=_PATIENCE, interval=0.1
        )

    def links(self) -> dict[str, rest.Link]:
        """Return what it has made, by host."""
        template_id = self._path.rpartition("/")[2]
        return {link["host"]: link for link in self._api.links(f"template_id={template_id}")}

    def batches(self) -> list[str]:
        """Return which batches the newest roll-out was told to have begun."""
        told = self._ask("GET", f"/v1/rollouts/{self._rollout()['id']}/history")["history"]
        return [each["message"] for each in told if each["message"].startswith("batch")]

    def history(self, host: str) -> list[tuple[int, str]]:
        """Return generation and status of each change of the link of ``host``."""
        return people.words(self._history(self.links()[host]["id"]))

    def wrong_histories(self) -> list[str]:
        """Return what is wrong with the histories of all links: each change is to be there once."""
        found = []
        for link in self.links().values():
            asks = [(number, "BUILD") for number in range(1, link["generation"] + 1)]
            found += people.told(asks, link["id"], self._history(link["id"]))
        return found

    def _history(self, link_id: str) -> Sequence[rest.Link]:
        found: Sequence[rest.Link] = self._ask("GET", f"/v1/bridge-links/{link_id}/history")["history"]
        return found

    def _rollout(self) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("GET", self._path)["rollout"]
        return found

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        answer = self._api.request(method, path, body)
        assert answer.status in (http.client.OK, http.client.CREATED, http.client.ACCEPTED), answer
        return answer.body


def _link(bridge: str) -> dict[str, Any]:
    return {"ends": [{"bridge": "br1", "kind": "linux"}, {"bridge": bridge, "kind": "linux"}]}
