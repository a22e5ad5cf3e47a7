"""Hashes by which the two sides notice that they do not hold the same."""

import hashlib
from collections.abc import Iterable


def digest(items: Iterable[tuple[str | int, ...]]) -> str:
    """Return an order-free hash, 32 hex digits, over ``items``.

    The items' hashes are added, so one item can be added or taken away without looking at the others, and (unlike with
    exclusive or) the same item twice does not vanish.
    """
    total = 0
    for item in items:
        text = "\0".join(map(str, item))
        total += int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest())
    return f"{total % (1 << 128):032x}"


def desired_digest(links: Iterable[tuple[str, int]]) -> str:
    """Return the digest over (link id, generation) of all that is wanted on a host."""
    return digest(links)


def observed_digest(links: Iterable[tuple[str, int, str, str]]) -> str:
    """Return the digest over (link id, generation, status, reason) of all that was reported of a host."""
    return digest(links)
