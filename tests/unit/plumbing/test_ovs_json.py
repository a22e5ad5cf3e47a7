import json

import ovs.json
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vethagent.plumbing.ovs_json import Parser, install

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet=st.characters() | st.sampled_from('{}"\\')),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
MESSAGES = st.lists(st.dictionaries(st.text(max_size=8), VALUES, max_size=5), min_size=1, max_size=4)


def read(stream: str, size: int) -> list[object]:
    """Return the messages of a stream that comes in pieces, as the library's connection reads them."""
    found: list[object] = []
    parser = Parser()
    for start in range(0, len(stream), size):
        rest = stream[start : start + size]
        while rest:
            rest = rest[parser.feed(rest) :]
            if parser.is_done():
                found.append(parser.finish())
                parser = Parser()
    assert isinstance(parser.finish(), str)
    return found


@given(MESSAGES, st.integers(1, 40), st.sampled_from(["", "\n"]))
def test_messages_come_out_as_they_went_in(messages: list[dict[str, object]], size: int, between: str) -> None:
    stream = "".join(json.dumps(message) + between for message in messages)
    assert read(stream, size) == messages


@pytest.mark.parametrize("stream", ['{"a": }', '{"a": 1,}', "[1]x", "}", "nonsense"])
def test_what_is_no_message_is_said_to_be_none(stream: str) -> None:
    parser = Parser()
    parser.feed(stream)
    assert parser.is_done()
    assert isinstance(parser.finish(), str) or parser.finish() == [1]


def test_the_library_uses_it_unless_it_has_a_better_one(monkeypatch: pytest.MonkeyPatch) -> None:
    own = ovs.json.Parser
    monkeypatch.setattr(ovs.json, "Parser", own)
    monkeypatch.setattr(ovs.json, "PARSER", ovs.json.PARSER_C)
    install()
    assert ovs.json.Parser is own
    monkeypatch.setattr(ovs.json, "PARSER", ovs.json.PARSER_PY)
    install()
    assert ovs.json.Parser is Parser


def test_a_long_string_full_of_quotation_marks_is_gone_through_once() -> None:
    told: dict[str, object] = {"schema": json.dumps([["a", {"b": "c"}]] * 50_000), "tail": "\\"}
    assert read(json.dumps(told), 4096) == [told]
