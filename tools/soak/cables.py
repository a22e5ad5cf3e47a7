"""What befalls the way from a host to the bus."""

import random
import time

from tools.soak.acting import HARMS, measured, named
from tools.soak.record import REFUSED, SERVICE, Record
from tools.soak.site import SPARE, Site

#: Seconds: longer than a fresh link may be without the bus, which is 10 s, and a probe is made each second.
_CUT = (14.0, 18.0)


def cut_off(site: Site, rng: random.Random, record: Record) -> None:
    """Right after a plug, as if by that: it is taken back, with all that is not confirmed yet, and asked for again.

    A link that is plugged while the bus is away for another reason is not watched, and stays.
    """
    harmed, seconds = rng.random() < 0.5, rng.uniform(*_CUT)
    site.plug("fresh", [{"bridge": bridge} for bridge in SPARE])
    began = time.monotonic()
    with named("host cut off from the bus"), site.without_bus():
        if harmed:
            with measured("host cut off from the bus, sabotage", record):
                rng.choice(HARMS).act(site)
                site.wait_until_carries()
        time.sleep(max(0.0, began + seconds - time.monotonic()))
        taken_back = not site.marks("fresh")
    with measured("host cut off from the bus (until it is heard)", record, SERVICE, since=began):
        site.wait_until_heard()
    if taken_back:
        with measured("link taken back: told, and there when asked for again", record, REFUSED):
            site.wait_for_error("fresh", "CONNECTIVITY_LOST")
            site.ask_again()
    site.ask_again()  # others may have been on trial too
    site.unplug("fresh")
