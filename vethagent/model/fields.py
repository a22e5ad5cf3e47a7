"""The fields of the models: what each may hold, and the sentence if it does not."""

import datetime
import enum
import re
from typing import Annotated

import pydantic
from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from vethagent import constants
from vethagent.model.base import meaning

_PLAIN_NAME = re.compile(rf"[A-Za-z0-9_.][A-Za-z0-9_.-]{{0,{constants.MAX_DEVICE_NAME - 1}}}")
_RESERVED = (".", "..", "all", "default")


def check_device_name(name: str) -> str:
    """Return ``name`` if the kernel, OVS and a shell all take it as a device name, else raise ValueError.

    The kernel (``dev_valid_name`` in net/core/dev.c) refuses the empty name, 16 bytes or more, ``.``, ``..``, ``/``,
    ``:`` and white space, reads ``%d`` as a pattern, and has no room in sysctl for ``all`` and ``default``. Beyond
    that only printable ASCII is taken, and no leading ``-``, which commands would read as an option.
    """
    if _PLAIN_NAME.fullmatch(name) and name not in _RESERVED:
        return name  # nearly every one; a dozen are checked for each link that comes
    if not name:
        raise ValueError("must not be empty")
    if len(name.encode()) > constants.MAX_DEVICE_NAME:
        raise ValueError(f"is longer than {constants.MAX_DEVICE_NAME} bytes")
    if name in _RESERVED:
        raise ValueError(f"{name!r} is reserved")
    if name.startswith("-"):
        raise ValueError("must not begin with '-'")
    if bad := sorted({char for char in name if not "!" <= char <= "~" or char in "/:%"}):
        raise ValueError(f"must not contain {', '.join(map(repr, bad))}")
    return name


#: As the inside of a class of characters: what moves a terminal's cursor, turns its text round, or cannot be seen.
_CONTROL = (
    r"\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb"
)
_SPACE = r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"


def check_text(text: str) -> str:
    """Return ``text`` if a terminal shows it as it is, else raise ValueError."""
    if re.search(f"[{_CONTROL}]", text):
        raise ValueError("must not contain control characters")
    if re.search(f"^[{_SPACE}]|[{_SPACE}]$", text):
        raise ValueError("must not begin or end with white space")
    return text


def _check_mac(mac: str) -> str:
    if int(mac[:2], 16) & 1:
        raise ValueError("is a multicast address")
    if mac == "00:00:00:00:00:00":
        raise ValueError("is the zero address")
    return mac


def whole(number: object) -> object:
    """Return 100 for 100.0, which JSON does not tell from each other."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _check_utc(at: datetime.datetime) -> datetime.datetime:
    return at.astimezone(datetime.UTC)


# The same rules for readers of the schema; by the functions above each has a sentence of its own.
_DEVICE_NAME: dict[str, JsonValue] = {
    "pattern": r"^(?!-)(?!(\.|\.\.|all|default)$)[!-$&-.0-9;-~]+$",
    "minLength": 1,
    "maxLength": constants.MAX_DEVICE_NAME,
}
_MAC: dict[str, JsonValue] = {"pattern": r"^(?!00:00:00:00:00:00$)[0-9a-f][02468ace](:[0-9a-f]{2}){5}$"}
_TEXT: dict[str, JsonValue] = {"pattern": f"^([^{_CONTROL}{_SPACE}]([^{_CONTROL}]*[^{_CONTROL}{_SPACE}])?)?$"}

DeviceName = Annotated[str, AfterValidator(check_device_name), Field(json_schema_extra=_DEVICE_NAME)]
_HOST = meaning(
    r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", "must be a host name of letters, digits, '.', '_' and '-'"
)
Host = Annotated[str, Field(min_length=1, max_length=255, pattern=_HOST)]
LinkId = Annotated[
    str, Field(pattern=meaning(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", "must be a UUID in small letters"))
]
Mac = Annotated[
    str,
    Field(
        pattern=meaning(
            r"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$", "must be a MAC address in small letters such as 02:00:00:00:00:01"
        ),
        description="Unicast MAC address, lower case",
        json_schema_extra=_MAC,
    ),
    AfterValidator(_check_mac),
]
Mtu = Annotated[
    int, Field(strict=True, ge=constants.MIN_MTU, le=constants.MAX_MTU, description="Bytes"), BeforeValidator(whole)
]
Tag = Annotated[
    int,
    Field(strict=True, ge=constants.MIN_TAG, le=constants.MAX_TAG, description="802.1Q VLAN id"),
    BeforeValidator(whole),
]
Flag = Annotated[bool, Field(strict=True)]
Text = Annotated[str, Field(max_length=255, json_schema_extra=_TEXT), AfterValidator(check_text)]
#: As much as a database column and JSON readers of other languages take.
Count = Annotated[int, Field(strict=True, ge=0, lt=1 << 63)]
Utc = Annotated[pydantic.AwareDatetime, AfterValidator(_check_utc)]
_LABEL_WORDS = "must have at most 63 letters, digits, '.', '_', '/' and '-', and begin and end with a letter or digit"
LabelName = Annotated[
    str, Field(pattern=meaning(r"^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$", f"a label's name {_LABEL_WORDS}"))
]
LabelValue = Annotated[
    str,
    Field(pattern=meaning(r"^([A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?)?$", f"a label's value {_LABEL_WORDS}")),
]
_CLOSED: dict[str, JsonValue] = {"additionalProperties": False}
Labels = Annotated[
    dict[LabelName, LabelValue],
    Field(max_length=64, description="For people to find it by", json_schema_extra=_CLOSED),
]
LabelChanges = Annotated[
    dict[LabelName, LabelValue | None],
    Field(
        max_length=64,
        description="Are set; null takes one away, those that are not named stay",
        json_schema_extra=_CLOSED,
    ),
]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class BridgeKind(enum.StrEnum):
    """``auto`` is looked up on the host: whichever kind of bridge has the name there."""

    AUTO = "auto"
    LINUX = "linux"
    OVS = "ovs"


class Status(enum.StrEnum):
    """Of a link. ERROR waits for a change from outside and ends with it; DOWN is being repaired, or is wanted so."""

    BUILD = "BUILD"
    ACTIVE = "ACTIVE"
    DOWN = "DOWN"
    ERROR = "ERROR"
    PENDING_DELETE = "PENDING_DELETE"


class Reason(enum.StrEnum):
    """Why a link is not ACTIVE; NONE if it is."""

    NONE = ""
    PLUGGING = "PLUGGING"
    UNPLUGGING = "UNPLUGGING"
    UNPLUGGED = "UNPLUGGED"
    ADMIN_DOWN = "ADMIN_DOWN"
    AGENT_DOWN = "AGENT_DOWN"
    DRIFT = "DRIFT"
    BRIDGE_NOT_FOUND = "BRIDGE_NOT_FOUND"
    BRIDGE_AMBIGUOUS = "BRIDGE_AMBIGUOUS"
    NAME_CONFLICT = "NAME_CONFLICT"
    ADOPT_MISMATCH = "ADOPT_MISMATCH"
    LOOP = "LOOP"
    TAG_UNSUPPORTED = "TAG_UNSUPPORTED"
    NO_CARRIER = "NO_CARRIER"
    PORT_ERROR = "PORT_ERROR"
    CONNECTIVITY_LOST = "CONNECTIVITY_LOST"
    NETLINK_ERROR = "NETLINK_ERROR"
    OVSDB_UNAVAILABLE = "OVSDB_UNAVAILABLE"
    OVSDB_REFUSED = "OVSDB_REFUSED"
    HELPER_UNAVAILABLE = "HELPER_UNAVAILABLE"
    HELPER_REFUSED = "HELPER_REFUSED"
    NOT_UNDERSTOOD = "NOT_UNDERSTOOD"


#: In what an agent says: a word that a newer minor version has brought is kept as it is, and shown as it is.
AnyStatus = Annotated[
    Status | Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,15}$")], Field(union_mode="left_to_right")
]
AnyReason = Annotated[
    Reason | Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,31}$")], Field(union_mode="left_to_right")
]


class Mode(enum.StrEnum):
    """Of an agent: repair drift; report drift and change nothing; do nothing, casts wait."""

    ENFORCE = "enforce"
    OBSERVE = "observe"
    PAUSED = "paused"


class EventKind(enum.StrEnum):
    """What a port event tells; the state in it is always whole."""

    CHANGED = "changed"
    PLUGGED = "plugged"
    REPAIRED = "repaired"
    DRIFTED = "drifted"
    FAILED = "failed"
    UNPLUGGED = "unplugged"


_Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,15}$")]

#: As AnyStatus.
AnyBridgeKind = Annotated[BridgeKind | _Word, Field(union_mode="left_to_right")]
AnyMode = Annotated[Mode | _Word, Field(union_mode="left_to_right")]
AnyEventKind = Annotated[EventKind | _Word, Field(union_mode="left_to_right")]
