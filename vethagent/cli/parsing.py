"""What people type, as bodies of requests; whatever is wrong is told in the words of the command line."""

import argparse
import math
from typing import TYPE_CHECKING, Any, cast

from vethagent.cli.base import UsageError
from vethagent.client.types import End

if TYPE_CHECKING:
    import pydantic

END_METAVAR = "BRIDGE[:DEVICE][,kind=linux|ovs][,tag=N][,mac=MAC]"
_END_KEYS = ("kind", "tag", "mac")

_ORDINALS = ("first", "second")
_END_WORDS = {"bridge": "BRIDGE", "device": "DEVICE"}


def end(text: str) -> End:
    """Return one end as in the body of a request; its values are checked later, by the models."""
    device_part, *options = text.split(",")
    bridge, colon, device = device_part.partition(":")
    if not bridge:
        raise argparse.ArgumentTypeError(f"{text!r}: BRIDGE is missing, must be {END_METAVAR}")
    if colon and not device:
        raise argparse.ArgumentTypeError(f"{text!r}: DEVICE is empty; leave out ':' to have its name derived")
    body: dict[str, Any] = {"bridge": bridge}
    if colon:
        body["device"] = device
    for option in options:
        key, equals, value = option.partition("=")
        if key not in _END_KEYS or not equals:
            raise argparse.ArgumentTypeError(f"{text!r}: {option!r} is not one of kind=…, tag=…, mac=…")
        if key in body:
            raise argparse.ArgumentTypeError(f"{text!r}: {key} is given twice")
        body[key] = _number(value, f"{text!r}: tag") if key == "tag" else value.lower()
    return cast(End, body)


def bridge_tag(text: str) -> tuple[str, int | None]:
    """Return (bridge, tag) of ``BRIDGE=N`` or ``BRIDGE=none``."""
    bridge, equals, value = text.rpartition("=")
    if not equals or not bridge or not value:
        raise argparse.ArgumentTypeError(f"{text!r}: must be BRIDGE=N or BRIDGE=none")
    return bridge, None if value == "none" else _number(value, f"{text!r}: tag")


def label(text: str) -> tuple[str, str]:
    """Return name and value of ``NAME=VALUE``; they are checked later, by the models."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r}: must be NAME=VALUE")
    return name, value


def mtu(text: str) -> int | None:
    """Return the bytes, None for ``auto``."""
    return None if text == "auto" else _number(text, repr(text), " or 'auto'")


def count(text: str) -> int:
    """Return a number of at least 1."""
    return _at_least(1, text)


def seconds(text: str) -> float:
    """Return a finite time above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a number of seconds above 0")
    return number


def seconds_or_none(text: str) -> float:
    """Return a finite time, 0 too."""
    return 0.0 if text in ("0", "0.0") else seconds(text)


def whole(text: str) -> int:
    """Return a number of at least 0."""
    return _at_least(0, text)


def _at_least(least: int, text: str) -> int:
    number = _number(text, repr(text))
    if number < least:
        raise argparse.ArgumentTypeError(f"{text!r}: must be {least} or more")
    return number


def share(text: str) -> float:
    """Return a share of 1, also of ``5%``."""
    try:
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a share from 0 to 1, or from 0% to 100%")
    return number


def check(body: object, model_name: str) -> None:
    """Raise UsageError unless ``body`` is what the API's model of that name takes."""
    import pydantic  # both take a tenth of a second, and not every command has something to check

    from vethagent import model

    try:
        getattr(model, model_name).model_validate(body, extra="forbid")
    except pydantic.ValidationError as error:
        raise UsageError(explain(error)) from None


def check_field(words: str, value: object, type_name: str) -> None:
    """Raise UsageError unless ``value`` is None or of the model's type of that name; ``words`` say what it is."""
    if value is not None and (wrong := _wrong(value, type_name)):
        raise UsageError(f"{words}: {wrong}")


def host(text: str) -> str:
    """Return the name of a host."""
    if wrong := _wrong(text, "Host"):
        raise argparse.ArgumentTypeError(wrong)
    return text


def add_link(parser: argparse.ArgumentParser) -> None:
    """Let ``parser`` take one link, for ``resolve.link_of``."""
    parser.add_argument("link", metavar="ID_OR_NAME", help="The link; of an id the first 8 characters are enough")
    parser.add_argument("--host", metavar="HOST", type=host, help="The link's host, if several have one of that name")


def add_template(parser: argparse.ArgumentParser) -> None:
    """Let ``parser`` take one link template, for ``resolve.template_of``."""
    parser.add_argument("template", metavar="ID_OR_NAME", help="The template")


def _wrong(value: object, type_name: str) -> str:
    """Return what keeps ``value`` from being of the model's type of that name, '' if nothing does."""
    import pydantic

    from vethagent import model

    try:
        pydantic.TypeAdapter(getattr(model, type_name)).validate_python(value)
    except pydantic.ValidationError as error:
        return _sentence(error)
    return ""


def explain(error: "pydantic.ValidationError") -> str:
    """Return the first thing wrong in a body, in the words of the command line, on one line."""
    from vethagent import model

    field, _sentence_with_field = model.explain(error)
    words = _words_of(field.split(".")) if field else ""
    sentence = _sentence(error)
    return f"{words}: {sentence}" if words else sentence


def _words_of(path: list[str]) -> str:  # noqa: PLR0911 - a table of words
    if path[0] == "link":
        path = path[1:]
    match path:
        case ["ends"]:
            return "the two ENDs"
        case ["ends", index]:
            return f"{_ORDINALS[int(index)]} END"
        case ["ends", index, field, *_rest]:
            return f"{_ORDINALS[int(index)]} END, {_END_WORDS.get(field, field)}"
        case ["selector", "hosts", *_rest]:
            return "--host"
        case ["selector", "labels", *_rest]:
            return "--select"
        case ["labels", *_rest]:
            return "--label"
        case ["policy", field]:
            return f"--{field.replace('_', '-')}"
        case [field, *_rest]:
            return f"--{field.replace('_', '-')}"
    return ""


def _sentence(error: "pydantic.ValidationError") -> str:
    from vethagent import model

    path, text = model.explain(error)
    kind = error.errors(include_url=False)[0]["type"]
    if kind in ("string_too_short", "too_short"):
        return "must not be empty"
    return text.removeprefix(f"{path}: ").replace("input should be", "must be").replace("\n", " ")


def _number(text: str, words: str, alternative: str = "") -> int:
    if not (text.removeprefix("-").isascii() and text.removeprefix("-").isdigit()) or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{words}: must be a whole number{alternative}")
    return int(text)


def api_url(text: str) -> str:
    """Return the address of the API as the client wants it."""
    from vethagent.client import session

    try:
        return session.check_api_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
