"""Where a request ends in what has come of a connection; pure."""

import dataclasses
import enum
import re

#: Bytes of the request line and all headers together; a token of Keystone is one of them.
MAX_HEADERS = 64 * 1024

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"\ncontent-length[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\ntransfer-encoding[ \t]*:", re.IGNORECASE)
_EXPECTS = re.compile(rb"\nexpect[ \t]*:[ \t]*100-continue", re.IGNORECASE)
_MAX_CHUNK_LINE = 4096
_MAX_DIGITS = 18


class Progress(enum.Enum):
    """How far a request is."""

    HEAD = "some of the headers are missing"
    BODY = "some of the body is missing"
    WHOLE = "all of it is there"
    #: The server answers such a one without its end: it is too long, or makes no sense.
    BROKEN = "its end need not be waited for"


@dataclasses.dataclass
class Frame:
    """One request that is coming; ``data`` begins with it."""

    max_body: int
    data: bytearray = dataclasses.field(default_factory=bytearray)
    #: Of the request, once that is known.
    end: int | None = None
    #: The client sends its body once it was told to.
    expects: bool = False
    progress: Progress = Progress.HEAD
    _body: int = 0
    _chunk: int = 0

    def take(self, piece: bytes) -> Progress:
        """Take in what has come and tell how far the request is."""
        if not self.data:
            piece = piece.lstrip(b"\r\n")  # between two requests, and of none
        looked = max(0, len(self.data) - len(b"\r\n\r"))
        self.data += piece
        if self.progress is Progress.HEAD:
            self.progress = self._take_head(looked)
        if self.progress is Progress.BODY:
            self.progress = self._take_chunks() if self.end is None else self._until(self.end)
        return self.progress

    def _take_head(self, looked: int) -> Progress:
        found = _HEAD_END.search(self.data, looked)
        if found is None:
            return Progress.HEAD if len(self.data) <= MAX_HEADERS else Progress.BROKEN
        self._body = self._chunk = found.end()
        head = bytes(self.data[: self._body])
        lengths, chunked = {each.strip() for each in _LENGTH.findall(head)}, _CHUNKED.search(head) is not None
        self.expects = _EXPECTS.search(head) is not None
        if chunked:
            return Progress.BROKEN if lengths else Progress.BODY
        length = lengths.pop() if lengths else b"0"
        if lengths or not length.isdigit() or len(length) > _MAX_DIGITS or int(length) > self.max_body:
            return Progress.BROKEN
        self.end = self._body + int(length)
        return Progress.BODY

    def _until(self, end: int) -> Progress:
        return Progress.WHOLE if len(self.data) >= end else Progress.BODY

    def _take_chunks(self) -> Progress:
        """Go on from the first chunk that was not there; the last one has no bytes, and maybe lines behind it."""
        while (line_end := self.data.find(b"\r\n", self._chunk)) >= 0:
            try:
                size = int(self.data[self._chunk : line_end].partition(b";")[0], 16)
            except ValueError:
                return Progress.BROKEN
            if size < 0 or self._chunk + size > self.max_body + MAX_HEADERS + self._body:
                return Progress.BROKEN
            if size == 0:
                return self._take_trailer(line_end)
            if len(self.data) < (following := line_end + 2 + size + 2):
                return Progress.BODY
            self._chunk = following
        return Progress.BODY if len(self.data) - self._chunk <= _MAX_CHUNK_LINE else Progress.BROKEN

    def _take_trailer(self, line_end: int) -> Progress:
        found = self.data.find(b"\r\n\r\n", line_end)
        if found < 0:
            return Progress.BODY if len(self.data) - line_end <= MAX_HEADERS else Progress.BROKEN
        self.end = found + 4
        return Progress.WHOLE
