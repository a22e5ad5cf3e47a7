"""Ends from text and back."""

import argparse
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vethagent import model
from vethagent.cli import columns, parsing
from vethagent.cli.base import UsageError
from vethagent.client.types import End

# A comma is what ends a device on the command line, so such names can only be given to the API itself.
names = st.text(st.sampled_from("abcXYZ019-_.@+="), min_size=1, max_size=15).filter(
    lambda name: not name.startswith("-") and name not in (".", "..", "all", "default")
)
macs = st.lists(st.integers(0, 255), min_size=5, max_size=5).map(
    lambda rest: ":".join(f"{byte:02x}" for byte in [2, *rest])
)


@st.composite
def ends(draw: st.DrawFn) -> model.LinkEnd:
    bridge = draw(names)
    return model.LinkEnd(
        bridge=bridge,
        device=draw(st.none() | names.filter(lambda name: name != bridge)),
        kind=draw(st.sampled_from([model.BridgeKind.AUTO, model.BridgeKind.OVS])),
        tag=draw(st.none() | st.integers(1, 4094)),
        mac=draw(st.none() | macs),
    )


@given(ends())
def test_what_is_shown_can_be_typed(end: model.LinkEnd) -> None:
    shown = columns.Ends([cast(End, end.model_dump(mode="json"))]).human_readable()
    assert model.LinkEnd.model_validate(parsing.end(shown)) == end


@given(st.text(max_size=40))
def test_any_text_is_an_end_or_one_clear_line(text: str) -> None:
    try:
        parsing.check(parsing.end(text), "LinkEnd")
    except (argparse.ArgumentTypeError, UsageError) as error:
        assert len(str(error).splitlines()) == 1


@given(names, st.none() | st.integers(1, 4094))
def test_bridge_tag(bridge: str, tag: int | None) -> None:
    assert parsing.bridge_tag(f"{bridge}={'none' if tag is None else tag}") == (bridge, tag)


@pytest.mark.parametrize("text", ["", "1.5", "1e3", "0x10", "\u0661", "9" * 30, "--1"])
def test_not_a_number(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="whole number"):
        parsing.count(text)


def test_mac_may_be_typed_in_upper_case() -> None:
    assert parsing.end("br1,mac=02:AA:00:00:00:01") == {"bridge": "br1", "mac": "02:aa:00:00:00:01"}
