"""What errors say, those of libraries too."""

import pytest

from vethagent import exceptions


@pytest.mark.parametrize(
    ("error", "named", "line"),
    [
        (ValueError("a: b"), "ValueError: a: b", "a: b"),
        (TimeoutError(), "TimeoutError", "TimeoutError"),
        (OSError("two\nlines"), "OSError: two\nlines", "two lines"),
    ],
)
def test_what_an_error_is_called(error: Exception, named: str, line: str) -> None:
    assert (exceptions.named(error), exceptions.one_line(error)) == (named, line)
