"""Somebody who creates, changes and deletes links, at whichever API answers, and remembers what was asked for."""

import http.client
import random
import uuid
from collections.abc import Sequence

from tests.support import asked, commands, rest
from vethagent import model

#: Bridges that all links of a host have at one of their ends; at the other is one that no other link has, so that none
#: of them closes a loop.
HUBS = ("br1", "br-eth1")
_MTUS = (None, 1300, 1400)
#: Seconds between two requests.
_PACE = 0.3
_PATIENCE = 120.0

#: What ends a connection, or keeps it from being made.
_CUT = (OSError, http.client.HTTPException)


class Person:
    """One thread is this. Only this one touches the links of ``sites``.

    ``asks`` are the words of history that were asked for, of all links, also those that are gone.
    """

    def __init__(self, apis: Sequence[rest.Rest], sites: Sequence[asked.Asked], *, seed: str, count: int) -> None:
        """``count`` links are created; as many bridges as the links of each site need are there, named ``spokes``."""
        self._apis = apis
        self._sites = sites
        self._rng = random.Random(seed)
        self._spokes = [(site, name) for site in sites for name in spokes(count // len(sites))]
        self._rng.shuffle(self._spokes)
        self._most = max(2, count // 20)
        self.asks: dict[str, list[tuple[int, str]]] = {}
        #: Requests that had to be made again, as the API was killed.
        self.repeated = 0

    def act(self) -> bool:
        """Do one thing and return whether there is more to do: links that were not created yet."""
        deeds = [self._create, self._change, self._delete] if any(site.links for site in self._sites) else []
        self._rng.choice([self._create, *deeds])()
        return bool(self._spokes)

    def pause(self) -> float:
        """Return how many seconds the next act is away."""
        return self._rng.uniform(0, _PACE)

    def _create(self) -> None:
        count = self._few()
        some, self._spokes = self._spokes[:count], self._spokes[count:]
        bodies = [self._body(site, spoke) for site, spoke in some]
        answer = self._ask("POST", "/v1/bridge-links/bulk-create", {"bridge_links": bodies})
        assert answer.status in (http.client.OK, http.client.CREATED), answer
        for (site, spoke), link in zip(some, answer.body["bridge_links"], strict=True):
            site.links[spoke] = link
            self.asks[link["id"]] = [(1, "BUILD")]

    def _body(self, site: asked.Asked, spoke: str) -> rest.Link:
        ends: list[rest.Link] = [{"bridge": self._rng.choice(HUBS)}, {"bridge": spoke}]
        if self._rng.random() < 0.5:
            ends[0]["device"], ends[1]["device"] = f"one-{spoke}", f"two-{spoke}"
        self._rng.shuffle(ends)
        link_id = uuid.UUID(int=self._rng.getrandbits(128), version=4)
        return {"id": str(link_id), "host": site.host.name, "name": spoke, "ends": ends}

    def _change(self) -> None:
        for site, spoke in self._some():
            link = site.links[spoke]
            mtu = self._rng.choice([mtu for mtu in _MTUS if mtu != link["mtu"]])
            answer = self._ask("PATCH", f"/v1/bridge-links/{link['id']}", {"mtu": mtu})
            assert answer.status == http.client.OK, answer
            site.links[spoke] = answer.body
            self.asks[link["id"]].append((link["generation"] + 1, "BUILD"))

    def _delete(self) -> None:
        some = self._some()
        links = [site.links.pop(spoke) for site, spoke in some]
        answer = self._ask("POST", "/v1/bridge-links/bulk-delete", {"ids": [link["id"] for link in links]})
        assert answer.status in (http.client.OK, http.client.ACCEPTED), answer
        for link in links:
            generation = link["generation"] + 1
            self.asks[link["id"]] += [(generation, "PENDING_DELETE"), (generation, "DELETED")]

    def _some(self) -> list[tuple[asked.Asked, str]]:
        there = [(site, spoke) for site in self._sites for spoke in site.links]
        return self._rng.sample(there, min(len(there), (self._few() + 1) // 2))

    def _few(self) -> int:
        return self._rng.randint(1, self._most)

    def _ask(self, method: str, path: str, body: object) -> rest.Answer:
        """Ask one API after the other until one answers; each request may be made again."""
        api = self._rng.choice(self._apis)

        def answer() -> rest.Answer | None:
            nonlocal api
            try:
                found = api.request(method, path, body)
            except _CUT:
                found = None
            if found is None or found.status == http.client.SERVICE_UNAVAILABLE:
                self.repeated += 1
                api = self._rng.choice(self._apis)
                return None
            return found

        found = commands.wait_until(answer, what=f"an answer to {method} {path}", timeout=_PATIENCE, interval=0.1)
        assert found is not None
        return found


def spokes(count: int) -> list[str]:
    """Return the names of so many bridges."""
    return [f"spoke{number}" for number in range(count)]


def words(history: Sequence[rest.Link]) -> list[tuple[int, str]]:
    """Return generation and status of each change."""
    return [(change["generation"], change["status"]) for change in history]


def told(asks: Sequence[tuple[int, str]], link_id: str, history: Sequence[rest.Link]) -> list[str]:
    """Return what is wrong with the history of a link: each change that was asked for is there, once, in order."""
    there = words(history)
    found = []
    if [word for word in there if word in asks] != list(asks):
        found.append(f"asked for was {asks}")
    if len(set(there)) < len(there):
        found.append("something is told twice")
    if there != sorted(there, key=lambda word: word[0]):
        found.append("generations are out of order")
    last = there[-1] if there else None
    if last not in (asks[-1], (asks[-1][0], model.Status.ACTIVE.value)):
        found.append(f"the last is {last}")
    return [f"history of {link_id}: {each}: {there}" for each in found]
