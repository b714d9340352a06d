"""Search space: the settings of a training to vary, and their values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

from qd_pipeline.encoding import read_toml
from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.training.config import parse_setting, setting_types

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Value = bool | int | float | str | None

_FORM: Final = "give a list of values, or a range like {low = 0.0001, high = 0.1, log = true}"


@dataclass(frozen=True)
class Range:
    """Range of numbers; of integers where both bounds are integers.

    Args:
        low: Lower bound, included.
        high: Upper bound, included.
        log: Whether to sample uniformly on a logarithmic scale.
    """

    low: int | float
    high: int | float
    log: bool = False


@dataclass(frozen=True)
class Space:
    """Search space over settings of a `TrainingConfig`.

    Args:
        axes: The values to try, or the range to sample from, by setting.
    """

    axes: Mapping[str, tuple[Value, ...] | Range]

    @classmethod
    def parse(cls, table: Mapping[str, Any], culprit: str = "space") -> Self:
        """Parse a space from a table, of TOML or of a Dagster run configuration.

        The settings are in alphabetical order, whatever order the table has.

        Args:
            table: By setting, a list of values, or a mapping with `low`, `high` and optional `log`.
            culprit: What the message about an empty table calls it.

        Raises:
            BadSetting: A setting is unknown, or its values are not valid.

        >>> Space.parse({"learning_rate": [0.01, 0.1], "units": {"low": 16, "high": 64}}).axes
        mappingproxy({'learning_rate': (0.01, 0.1), 'units': Range(low=16, high=64, log=False)})
        """
        if not table:
            raise BadSetting(culprit, "varies nothing", "name a setting, as units = [16, 32]")
        # By name: a run configuration that goes through Dagster's web server keeps no order.
        axes = {name: _axis(name, given) for name, given in sorted(table.items())}
        return cls(MappingProxyType(axes))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Load a space from a TOML file: lines like `units = [16, 32]`.

        Raises:
            BadSetting: The file cannot be read, is not TOML, or holds no valid space.
        """
        return cls.parse(read_toml(path, "space file", form=_FORM), f"space file {path}")

    @property
    def is_grid(self) -> bool:
        """Whether the space is a grid: it has no ranges."""
        return not any(isinstance(axis, Range) for axis in self.axes.values())

    def points(self) -> list[dict[str, Value]]:
        """Return every combination of a grid's values, the last setting varying fastest.

        >>> Space({"units": (16, 32)}).points()
        [{'units': 16}, {'units': 32}]
        """
        values = [() if isinstance(axis, Range) else axis for axis in self.axes.values()]
        return [dict(zip(self.axes, point, strict=True)) for point in product(*values)]

    def corners(self) -> list[dict[str, Value]]:
        """Return every combination of the values and the bounds of the ranges."""
        ends = {
            name: (axis.low, axis.high) if isinstance(axis, Range) else axis
            for name, axis in self.axes.items()
        }
        return Space(ends).points()

    def to_json(self) -> dict[str, Any]:
        """Return the table that `parse` reads."""
        return {
            name: {"low": axis.low, "high": axis.high, "log": axis.log}
            if isinstance(axis, Range)
            else list(axis)
            for name, axis in self.axes.items()
        }


NOTEBOOK: Final = Space(
    MappingProxyType({"learning_rate": (0.001, 0.01, 0.1), "units": (16, 32, 64)})
)
"""The notebook's grid."""


def _axis(name: str, given: Any) -> tuple[Value, ...] | Range:
    if name not in _names():
        raise BadSetting(
            f"space: {name[:80]}", "is no setting to vary", f"give some of {', '.join(_names())}"
        )
    if isinstance(given, list | tuple):
        values = tuple(_checked(name, value) for value in given)
        if not values or len(set(values)) < len(values):
            raise BadSetting(f"space: {name}", "has no values, or one twice", _FORM)
        return values
    if not isinstance(given, dict) or not {"low", "high"} <= set(given) <= {"low", "high", "log"}:
        raise BadSetting(f"space: {name}", "is neither values nor a range", _FORM)
    low, high = _checked(name, given["low"]), _checked(name, given["high"])
    log = given.get("log", False)
    if not (_is_number(low) and _is_number(high) and low < high and isinstance(log, bool)):
        raise BadSetting(f"space: {name}", "is no range of numbers", _FORM)
    if log and low <= 0:
        raise BadSetting(f"space: {name}", f"is a logarithmic range from {low}", "begin above 0")
    return Range(low, high, log)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@cache
def _names() -> tuple[str, ...]:
    """Return the settings that can be varied; a search for the best seed would only overfit."""
    return tuple(name for name in setting_types() if name != "seed")


def _checked(name: str, value: Any) -> Any:
    try:
        return parse_setting(name, value)
    except BadSetting as error:
        raise BadSetting(f"space: {name}", error.cause, _FORM) from error
