"""What ip(8) tells of devices, without what changes by itself."""

from collections.abc import Collection
from typing import Any


def without(value: Any, restless: Collection[str]) -> Any:
    """Return JSON without the fields whose names have one of ``restless`` in them, at any depth."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if not any(part in key for part in restless)}
        return {key: without(item, restless) for key, item in kept.items()}
    return [without(item, restless) for item in value] if isinstance(value, list) else value
