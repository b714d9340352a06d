"""What the pages have in common: their templates' language, and axes for intervals."""

from __future__ import annotations

import base64
from io import BytesIO
from math import floor
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from qd_pipeline.learning.evaluation.intervals import Proportion


def render(template: str, **values: Any) -> str:
    """Return a page: one HTML text that needs nothing from elsewhere.

    Args:
        template: Name of a template in this package.
        values: What it names.
    """
    environment = Environment(
        loader=PackageLoader("qd_pipeline.learning.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, picture=picture, duration=duration, place=place)
    return environment.get_template(template).render(**values)


def axis_from(proportions: Iterable[Proportion]) -> float:
    """Return where an axis up to 1 begins, so that every interval lies on it.

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


def percent(share: float | None, decimals: int = 1) -> str:
    r"""Write a share as a percentage.

    >>> percent(0.9149), percent(None)
    ('91.5\xa0%', '–')
    """
    return "–" if share is None else f"{share * 100:.{decimals}f}\N{NO-BREAK SPACE}%"


def duration(seconds: float) -> str:
    """Write a time as one reads it.

    >>> duration(3.21), duration(27.6), duration(4000)
    ('3.2 s', '28 s', '66 min 40 s')
    """
    if seconds < 10:  # noqa: PLR2004 - below ten seconds the tenth tells something
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def picture(bitmap: NDArray[np.uint8]) -> str:
    """Return a bitmap as a data URI: a PNG of black ink on nothing, which suits any ground."""
    held = BytesIO()
    ink = np.stack((np.zeros_like(bitmap), bitmap), axis=-1)
    Image.fromarray(ink, "LA").save(held, format="PNG")
    return "data:image/png;base64," + base64.b64encode(held.getvalue()).decode()
