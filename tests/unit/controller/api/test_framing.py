"""Where requests end, however they are cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vethagent.controller.api.framing import MAX_HEADERS, Frame, Progress

MAX_BODY = 1000

bodies = st.binary(max_size=50)


def plain(body: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def chunked(chunks: list[bytes], trailer: bytes = b"") -> bytes:
    framed = b"".join(b"%x;a=b\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks if chunk)
    return b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n" + framed + b"0\r\n" + trailer + b"\r\n"


requests = st.one_of(
    st.just(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    bodies.map(plain),
    st.builds(chunked, st.lists(bodies, max_size=4), st.sampled_from([b"", b"X: y\r\n"])),
)


@given(requests, st.lists(st.integers(0, 400), max_size=6), st.sampled_from([b"", b"\r\n", b"GET / HTTP/1.1\r\n"]))
def test_a_request_is_whole_with_its_last_byte(request: bytes, cuts: list[int], following: bytes) -> None:
    frame, places = Frame(MAX_BODY), sorted({cut for cut in cuts if cut < len(request)} - {0})
    for start, end in zip([0, *places], places, strict=False):
        assert frame.take(request[start:end]) in (Progress.HEAD, Progress.BODY)
    assert frame.take(request[places[-1] if places else 0 :] + following) is Progress.WHOLE
    assert frame.end == len(request)


@given(requests)
def test_what_is_between_requests_is_of_none(request: bytes) -> None:
    frame = Frame(MAX_BODY)
    assert frame.take(b"\r\n\r\n") is Progress.HEAD
    assert frame.take(b"\r\n" + request) is Progress.WHOLE
    assert frame.data[: frame.end] == request


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /" + b"x" * MAX_HEADERS,
        b"GET / HTTP/1.1\n\n",
        plain(b"x" * (MAX_BODY + 1))[:100],
        b"POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        chunked([])[:-5] + b"zz\r\n",
        chunked([])[:-5] + b"-1\r\n",
        chunked([])[:-5] + b"ffffffff\r\n",
        chunked([])[:-5] + b"0" * 5000,
        chunked([b"x" * 500] * 2000),
        chunked([], b"X: y\r\n" * MAX_HEADERS)[:-2],
    ],
)
def test_what_is_too_long_or_makes_no_sense_is_not_waited_for(request_: bytes) -> None:
    assert Frame(MAX_BODY).take(request_) in (Progress.BROKEN, Progress.WHOLE)
    if b"\n\n" not in request_:
        assert Frame(MAX_BODY).take(request_) is Progress.BROKEN


def test_a_client_that_waits_before_it_sends_its_body() -> None:
    frame = Frame(MAX_BODY)
    assert frame.take(b"POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n") is Progress.BODY
    assert frame.expects
    assert frame.take(b"{}") is Progress.WHOLE
