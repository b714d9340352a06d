"""Figures as JSON."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figures:
    """A dataclass whose fields are what JSON has of it, but for those with `repr=False`."""

    def to_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        shown = (each.name for each in fields(self) if each.repr)
        return {name: as_json(getattr(self, name)) for name in shown}


def as_json(value: Any) -> Any:
    """Return a value as JSON has it, with None in place of figures that are not finite.

    >>> as_json({"loss": (0.5, float("nan")), "name": "cow"})
    {'loss': [0.5, None], 'name': 'cow'}
    """
    if hasattr(value, "to_json"):
        return as_json(value.to_json())
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: Path, figures: Any, *, indent: int | None = 2) -> None:
    """Write figures into a JSON file."""
    text = json.dumps(as_json(figures), indent=indent, ensure_ascii=False, allow_nan=False)
    path.write_text(f"{text}\n", encoding="utf-8")
