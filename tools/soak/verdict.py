"""The end of a soak: do controller, stores, kernels and OVSDBs agree to the last field, and is nothing left over."""

from collections.abc import Sequence

from tests.support import commands, processes, whole
from tests.support.asked import Asked
from tools.soak.watch import PATIENCE
from vethagent import model
from vethagent.agent.store import Store


def wait_until_calm(site: Asked) -> None:
    """Wait until the agent is in step and nothing of it is degraded, and all links are said to be ACTIVE."""
    seen: list[object] = []

    def calm() -> bool:
        agent = site.api.get(f"/v1/agents/{site.host.name}")
        links = site.api.links(f"host={site.host.name}")
        wrong = [name for name in ("alive", "ready", "desired_in_step", "observed_in_step") if not agent[name]]
        states = [
            (link["id"], link["status"], link["reason"], link["message"])
            for link in links
            if link["status"] != "ACTIVE" or link["observed_generation"] != link["generation"]
        ]
        seen[:] = [*wrong, *agent["health"], *states]
        return not seen

    try:
        commands.wait_until(calm, what=f"{site.host.name} in step", timeout=PATIENCE, interval=0.2)
    except AssertionError as error:
        raise AssertionError(f"{error}: {seen}") from None


def disagreements(site: Asked) -> list[str]:
    """Return where what was asked for and what is there differ, and what is there beside it."""
    return [*differences(site), *left_over(site)]


def differences(site: Asked) -> list[str]:
    """Return where what was asked for, controller, store, kernel and OVSDB differ."""
    asked = {link["id"]: _wanted(link) for link in site.links.values()}
    shown = site.api.links(f"host={site.host.name}")
    held = {link["id"]: _wanted(link) for link in shown}
    store = Store(str(site.node.agent.folder / "agent.sqlite"))
    stored = {link.id: link for link, _ in store.links()}
    leaving = [link_id for link_id, _, _, gone in store.removed() if not gone]
    store.close()
    found = [f"the controller holds {held}, asked for is {asked}"] if held != asked else []
    found += [f"the store has {stored}, the controller {held}"] if stored != held else []
    found += [f"the store still waits for the end of {leaving}"] if leaving else []
    found += site.defects()
    devices = whole.Snapshot(site.host).devices
    for link in shown:
        for end in link["observed"]:
            device = devices.get(end["device"], {})
            told = {"ifindex": end["ifindex"], "mtu": end["mtu"], "address": end["mac"]}
            so = {name: device.get(name) for name in told}
            found += [f"the controller knows {end['device']} as {told}, it is {so}"] if told != so else []
    return [f"{site.host.name}: {each}" for each in found]


def misnumbered(numbers: Sequence[int]) -> list[str]:
    """Return where a port event is missing or there twice: agents number theirs from 1 on, one agent after the other.

    What an agent has told last may be heard after the first words of the next one.
    """
    found: list[str] = []
    ends = [0]
    for number in numbers:
        if number - 1 in ends[-2:]:
            place = len(ends) - 1 - ends[::-1].index(number - 1)
            ends[place] = number
        elif number == 1:
            ends.append(1)
        else:
            found.append(f"port event {number} came after {' and '.join(map(str, ends[-2:]))}")
            ends[-1] = number
    return found


def left_over(site: Asked, *, helpers: int = 1, patience: float = PATIENCE) -> list[str]:
    """Return what is on the host and should not be, beside so many helpers; others may take ``patience`` s to end."""
    found = [f"{name} is left over" for name in site.surplus()]
    try:
        # A helper ends when it finds that its agent has gone.
        commands.wait_until(
            lambda: len(processes.helpers(site.host)) == helpers, what=f"{helpers} helpers", timeout=patience
        )
    except AssertionError:
        found.append(f"{len(processes.helpers(site.host))} helpers run, not {helpers}")
    return [f"{site.host.name}: {each}" for each in found]


def _wanted(link: dict[str, object]) -> model.BridgeLink:
    return model.BridgeLink.model_validate(link)
