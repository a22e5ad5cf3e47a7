"""What a line of a log is about, for those who let a program read logs."""

from collections.abc import Sequence


def about(
    *, request_id: object = None, links: Sequence[str] = (), host: str | None = None
) -> dict[str, dict[str, object]]:
    """Return what a call of a logger takes as ``extra``: with ``[DEFAULT] use_json`` it is in the field of that name.

    ``links`` are ids: one is ``link_id`` there, several are ``link_ids``. What is empty is left out.
    """
    named: dict[str, object] = {"request_id": request_id, "host": host}
    if len(links) == 1:
        named["link_id"] = links[0]
    else:
        named["link_ids"] = list(links)
    # JSONFormatter of oslo.log shows the record's attribute "extra"; others do not look at it.
    return {"extra": {name: value for name, value in named.items() if value}}


def before(request_id: str | None) -> str:
    """Return how a line about what came of a request begins; '' if no request belongs to it, as to a repair."""
    return f"{request_id}: " if request_id else ""
