"""Valid and arbitrary values of the contract, drawn by hypothesis."""

import datetime
import string
from typing import Any

from hypothesis import strategies as st

from vethagent import constants, model

_NAME_CHARS = "".join(sorted(set(string.printable) - set(string.whitespace) - set("/:%")))
_RESERVED = ("all", "default", ".", "..")

link_ids = st.uuids().map(str)
generations = st.integers(0, 1 << 40)
mtus = st.integers(constants.MIN_MTU, constants.MAX_MTU)
tags = st.integers(constants.MIN_TAG, constants.MAX_TAG)
hosts = st.from_regex(r"\A[a-z0-9]([a-z0-9._-]{0,20}[a-z0-9])?\Z")
texts = st.text(st.characters(codec="utf-8"), max_size=40).filter(lambda t: t == t.strip() and t.isprintable())
moments = st.datetimes(datetime.datetime(2000, 1, 1), datetime.datetime(2100, 1, 1), timezones=st.just(datetime.UTC))
digests = st.binary(min_size=16, max_size=16).map(bytes.hex)
device_names = st.text(_NAME_CHARS, min_size=1, max_size=constants.MAX_DEVICE_NAME).filter(
    lambda name: not name.startswith("-") and name not in _RESERVED
)


@st.composite
def macs(draw: st.DrawFn) -> str:
    octets = bytearray(draw(st.binary(min_size=6, max_size=6)))
    octets[0] = octets[0] & 0xFC | 2
    return octets.hex(":")


@st.composite
def ends(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two ends that go together, as they come in."""
    names = draw(st.lists(device_names, min_size=4, max_size=4, unique=True))
    addresses = draw(st.lists(macs(), min_size=2, max_size=2, unique=True))
    pair = []
    for number in range(2):
        kind = draw(st.sampled_from(["auto", "linux", "ovs"]))
        end: dict[str, Any] = {"bridge": names[number], "kind": kind}
        end["device"] = draw(st.none() | st.just(names[2 + number]))
        end["mac"] = draw(st.none() | st.just(addresses[number]))
        end["tag"] = None if kind == "linux" else draw(st.none() | tags)
        pair.append(end)
    return pair[0], pair[1]


@st.composite
def links(draw: st.DrawFn, *, host: str | None = None) -> model.BridgeLink:
    return model.BridgeLink.model_validate(
        {
            "id": draw(link_ids),
            "generation": draw(generations),
            "host": host or draw(hosts),
            "ends": draw(ends()),
            "name": draw(st.none() | texts.filter(bool)),
            "mtu": draw(st.none() | mtus),
            "adopt": draw(st.booleans()),
            "allow_loop": draw(st.booleans()),
            "admin_state_up": draw(st.booleans()),
            "confirm": draw(st.booleans()),
            "request_id": draw(st.none() | st.just("req-1")),
        }
    )


@st.composite
def link_states(draw: st.DrawFn) -> model.LinkState:
    plain = st.none() | st.integers(-1, 1 << 31)
    end = st.builds(
        model.EndState,
        bridge=device_names,
        kind=st.sampled_from(model.BridgeKind),
        device=device_names,
        present=st.booleans(),
        ifindex=plain,
        mtu=plain,
        carrier=st.none() | st.booleans(),
        ofport=plain,
        error=st.none() | texts,
    )
    difference = st.builds(model.Difference, code=texts, device=device_names, wanted=texts, observed=texts)
    return model.LinkState(
        link_id=draw(link_ids),
        generation=draw(generations),
        status=draw(st.sampled_from(model.Status)),
        reason=draw(st.sampled_from(model.Reason)),
        message=draw(texts),
        ends=tuple(draw(st.lists(end, max_size=2))),
        differences=tuple(draw(st.lists(difference, max_size=3))),
    )
