"""Bounds of numeric settings, as data: checked here, and taken over by forms that know them."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from qd_pipeline.errors import BadSetting


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The range of a number; None stands for no bound.

    The names are those of pydantic and annotated-types.

    Args:
        ge: The least allowed value.
        gt: Allowed values are greater than this.
        le: The greatest allowed value.
        lt: Allowed values are less than this.
        whole: Whether only whole numbers are allowed; for the message, types are not checked.
    """

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    whole: bool = False

    def __str__(self) -> str:
        words = (("from", self.ge), ("above", self.gt), ("to", self.le), ("below", self.lt))
        ends = " ".join(f"{word} {bound}" for word, bound in words if bound is not None)
        return f"a {'whole number' if self.whole else 'number'} {ends}".rstrip()

    def check(self, name: str, value: float) -> None:
        """Raise an error for a value out of bounds.

        Args:
            name: Name of the setting, for the message.
            value: The value; infinities and NaN are never in bounds.

        Raises:
            BadSetting: The value is out of bounds.

        >>> Bounds(ge=2, le=255, whole=True).check("folds", 1)
        Traceback (most recent call last):
        qd_pipeline.errors.BadSetting: folds is 1: give a whole number from 2 to 255.
        """
        inside = (
            isfinite(value)
            and (self.ge is None or value >= self.ge)
            and (self.gt is None or value > self.gt)
            and (self.le is None or value <= self.le)
            and (self.lt is None or value < self.lt)
        )
        if not inside:
            raise BadSetting(name.replace("_", " "), f"is {value}", f"give {self}")
