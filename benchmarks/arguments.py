"""Options that benchmarks have in common; a wrong one is told before anything is started."""

import argparse
from collections.abc import Callable, Collection

#: As many links as one request of the API answers, and nearly as many as a Linux bridge has ports.
MOST_LINKS = 1000


def positive(text: str) -> int:
    """A number from 1 on."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def links(text: str) -> int:
    """A number of links."""
    if positive(text) > MOST_LINKS:
        raise argparse.ArgumentTypeError(f"{text} is more than {MOST_LINKS}")
    return int(text)


def each_of(names: Collection[str]) -> Callable[[str], list[str]]:
    """Some of ``names``, with commas between them."""

    def chosen(text: str) -> list[str]:
        for name in text.split(","):
            if name not in names:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(names)}")
        return text.split(",")

    return chosen


def counts(text: str) -> list[int]:
    """Numbers of links, with commas between them."""
    return [links(word) for word in text.split(",")]
