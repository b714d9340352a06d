"""What the pages have in common: their templates' language, and axes for intervals."""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from qd_pipeline.learning.report import duration, percent, picture

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qd_pipeline.learning.intervals import Proportion


def render(template: str, **values: Any) -> str:
    """Give a page: one HTML text that needs nothing from elsewhere.

    Args:
        template: Name of a template in this package.
        values: What it names.
    """
    environment = Environment(
        loader=PackageLoader("qd_pipeline.learning", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, picture=picture, duration=duration, place=place)
    return environment.get_template(template).render(**values)


def axis_from(proportions: Iterable[Proportion]) -> float:
    """Give where an axis up to 1 begins, so that every interval lies on it.

    Returns:
        A tenth, at most 0.9.
    """
    lowest = min((each.interval[0] for each in proportions if each.count), default=0.0)
    return floor(min(lowest, 0.9) * 10) / 10


def place(share: float, low: float) -> float:
    """Place a share on an axis from `low` to 1, in per cent of its width.

    >>> place(0.95, 0.9)
    50.0
    """
    return round(100 * (share - low) / (1 - low), 2)
