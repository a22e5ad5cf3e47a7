"""Links that no door may let in."""

from typing import Any

from tests.fullstack import links

END1 = {"bridge": "br1", "device": links.FIRST}
END2 = {"bridge": "br-eth1", "device": links.SECOND}


def _named(device: object) -> dict[str, Any]:
    return {"ends": [END1 | {"device": device}, END2]}


#: What is wrong: the fields that make it so, and the field that the error has to name.
BAD_LINKS: dict[str, tuple[dict[str, Any], str]] = {
    "empty name": (_named(""), "ends.0.device"),
    "16 bytes": (_named("x" * 16), "ends.0.device"),
    "slash": (_named("a/b"), "ends.0.device"),
    "space": (_named("a b"), "ends.0.device"),
    "dots": (_named(".."), "ends.0.device"),
    "control character": (_named("a\nb"), "ends.0.device"),
    "name is a number": (_named(7), "ends.0.device"),
    "bridge's name": (_named("br1"), "ends.0"),
    "same device twice": (_named(links.SECOND), "ends"),
    "same bridge twice": ({"ends": [END1, END1 | {"device": "other"}]}, "ends"),
    "one end": ({"ends": [END1]}, "ends.1"),
    "negative MTU": ({"mtu": -1}, "mtu"),
    "huge MTU": ({"mtu": 10**9}, "mtu"),
    "MTU is text": ({"mtu": "1500"}, "mtu"),
    "tag 0": ({"ends": [END1, END2 | {"tag": 0}]}, "ends.1.tag"),
    "tag 4095": ({"ends": [END1, END2 | {"tag": 4095}]}, "ends.1.tag"),
    "misspelt field": ({"mut": 1500}, "mut"),
    "unknown host": ({"host": "nowhere"}, "host"),
    "bad host": ({"host": "a b"}, "host"),
}

#: Of these, what is good by itself.
NO_SCHEMA_TELLS = ("bridge's name", "same device twice", "same bridge twice", "unknown host")
