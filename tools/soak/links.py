"""What is done to links, and links that cannot be as they are asked for."""

import http.client
import random
import time
import uuid

from tests.support import freezing, rest
from tools.soak.acting import HARMS, MILD, measured, named
from tools.soak.record import MODE, ORPHAN, REFUSED, Record
from tools.soak.site import SPARE, VICTIM, Site
from vethagent.plumbing import naming

#: The devices of a pair made by hand.
_PAIR = ("by-hand-a", "by-hand-b")


def harm(site: Site, rng: random.Random, record: Record) -> None:
    """One thing."""
    done = rng.choice(HARMS)
    with measured(f"sabotage: {done.name}", record):
        done.act(site)
        site.wait_until_carries()


def harm_more(site: Site, rng: random.Random, record: Record) -> None:
    """Several things at once."""
    with measured("sabotage: several things at once", record):
        for done in rng.sample(MILD, rng.randint(2, 5)):
            done.act(site)
        site.wait_until_carries()


def make_anew(site: Site, _rng: random.Random, record: Record) -> None:
    """By hand, under the same names and without marks: the userspace datapath holds on to the device that has gone."""
    first, second = VICTIM
    lines = f"link delete {first}", f"link add {first} type veth peer name {second}"
    with freezing.stopped(site.node.agent.pid):  # it would be quicker
        site.batch(*lines, f"link set {first} master br1 up", f"link set {second} up")
    with measured("sabotage: pair deleted and made again under the same names", record):
        site.wait_until_carries()


def churn(site: Site, rng: random.Random, record: Record) -> None:
    """A link is asked for, changed or deleted."""
    began = time.monotonic()
    record.asked(site.churn(rng), time.monotonic() - began)


def only_observe(site: Site, rng: random.Random, record: Record) -> None:
    """What is harmed is told, and stays so until the mode is enforce again."""
    done = rng.choice(HARMS)
    site.set_mode("observe")
    done.act(site)
    site.wait_until_told()
    assert site.defects("victim"), f"{done.name}: mended by an agent that observes"
    with measured("sabotage in mode observe, then enforce", record, MODE):
        site.set_mode("enforce")
        site.wait_until_carries()


def pause(site: Site, rng: random.Random, record: Record) -> None:
    """Nothing is done meanwhile, neither to what is harmed nor to what is asked for."""
    site.set_mode("paused")
    rng.choice(HARMS).act(site)
    time.sleep(rng.uniform(0, 2))
    assert site.defects("victim"), "mended by an agent that is paused"
    with measured("sabotage in mode paused, then enforce", record, MODE):
        site.set_mode("enforce")
        site.wait_until_carries()


def leave_orphan(site: Site, rng: random.Random, record: Record) -> None:
    """A pair with the mark of a link that nobody wants, as if an older copy of OVSDB was put back."""
    link_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    first, second = _PAIR
    with measured("orphan with our mark", record, ORPHAN):
        site.batch(
            f"link add {first} type veth peer name {second}",
            f"link set {first} alias {naming.alias(link_id)} master br2",
            f"link set {second} alias {naming.alias(link_id)}",
        )
        mark = f"external_ids:vethagent-link-id={link_id}"
        site.host.vsctl("--no-wait", "add-port", "br-eth1", second, "--", "set", "Port", second, mark)
        site.wait_until_clean()


def close_loop(site: Site, rng: random.Random, record: Record) -> None:
    """Somebody has joined two bridges by hand; a link between them waits until it goes, or is deleted."""
    kind = "link that would close a loop"
    first, second = _PAIR
    site.batch(
        f"link add {first} type veth peer name {second}",
        f"link set {first} master {SPARE[0]} up",
        f"link set {second} master {SPARE[1]} up",
    )
    ends: list[rest.Link] = [{"bridge": bridge} for bridge in SPARE]
    answer = site.ask("loop", ends)
    if answer.status == http.client.CONFLICT:
        # The controller knows of the way by hand already.
        assert answer.body["error"]["code"] == "LOOP", answer
        site.batch(f"link delete {first}")
        with measured(f"{kind}: refused, asked for again when the other way has gone", record, REFUSED):
            site.wait_for(lambda: [] if site.ask("loop", ends).status == http.client.CREATED else [kind], kind)
            site.wait_until_whole("loop")
        site.unplug("loop")
        return
    with named(kind):
        site.wait_for_error("loop", "LOOP")
        assert not site.marks("loop"), "something was made"
    if rng.random() < 0.5:
        with measured(f"{kind}: the other way goes", record, REFUSED):
            site.batch(f"link delete {first}")
            site.wait_until_whole("loop")
        site.unplug("loop")
        return
    with measured(f"{kind}: deleted", record, REFUSED):
        site.unplug("loop")
    site.batch(f"link delete {first}")


def adopt_another(site: Site, rng: random.Random, record: Record) -> None:
    """A pair by hand is not quite the one that is asked for; it stays as it is until somebody makes it so."""
    first, second = _PAIR
    make, mend, word = rng.choice(
        [
            (f"link set {first} mtu 1300", f"link set {first} mtu 1500", "MTU"),
            (f"link set {second} nomaster", f"link set {second} master {SPARE[1]}", "NOT_ATTACHED"),
            (f"link set {first} address 0e:00:00:00:00:f0", f"link set {first} address 0e:00:00:00:00:f1", "MAC"),
        ]
    )
    ends: list[rest.Link] = [
        {"bridge": bridge, "device": device, "mac": f"0e:00:00:00:00:f{number}"}
        for number, (bridge, device) in enumerate(zip(SPARE, _PAIR, strict=True), 1)
    ]
    kind = f"adoption of a pair that differs ({word})"
    site.batch(
        f"link add {first} address {ends[0]['mac']} type veth peer name {second} address {ends[1]['mac']}",
        f"link set {first} master {SPARE[0]} up",
        f"link set {second} master {SPARE[1]} up",
        make,
    )
    before = site.device_settings(*_PAIR)
    with named(kind):
        assert site.ask("adopted", ends, adopt=True, mtu=1500).status == http.client.CREATED
        found = site.wait_for_error("adopted", "ADOPT_MISMATCH")
        assert word in [each["code"] for each in found["differences"]], found
        assert site.device_settings(*_PAIR) == before, "it was changed"
    if rng.random() < 0.5:
        with measured(f"{kind}: made as it is wanted", record, REFUSED):
            site.batch(mend)
            site.wait_until_whole("adopted")
        assert [each["ifindex"] for each in site.device_settings(*_PAIR)] == [each["ifindex"] for each in before]
        site.unplug("adopted")
        return
    with measured(f"{kind}: deleted", record, REFUSED):
        site.unplug("adopted")
    assert site.device_settings(*_PAIR) == before, f"{kind}: it was changed"
    site.batch(f"link delete {first}")
