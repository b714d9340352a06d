"""What the HTML pages share: their template environment, filters, and axes for intervals."""

from __future__ import annotations

import base64
from io import BytesIO
from math import floor, isfinite
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qd_pipeline.learning.reports.charts import svg

_LEVELS: Final = 16
_MOST_NAMED: Final = 16

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from qd_pipeline.learning.evaluation.intervals import Proportion


def render(template: str, **values: Any) -> str:
    """Return a page: one HTML text that needs nothing from elsewhere.

    Args:
        template: Name of a template in this package.
        values: What it names.
    """
    # Jinja takes a tenth of a second to import, and commands that write no page do without.
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=PackageLoader("qd_pipeline.learning.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (categories, percent, number, picture, duration, place, setting, svg)
    environment.filters.update({each.__name__: each for each in filters})
    return environment.get_template(template).render(**values)


def axis_from(proportions: Iterable[Proportion]) -> float:
    """Return where an axis up to 1 begins, so that every interval lies on it.

    Returns:
        A tenth, at most 0.9.
    """
    lowest = min((each.interval[0] for each in proportions if each.count), default=0.0)
    return floor(min(lowest, 0.9) * 10) / 10


def place(share: float, low: float) -> float:
    """Return the place of a share on an axis from `low` to 1, in per cent of its width.

    >>> place(0.95, 0.9)
    50.0
    """
    return round(100 * (share - low) / (1 - low), 2)


def categories(class_set: Sequence[str]) -> str:
    """Return the names of a class set as far as a heading holds them, else their number.

    >>> categories(["cow", "panda"]), categories(["cow"] * 345)
    ('cow, panda', '345 categories')
    """
    return ", ".join(class_set) if len(class_set) <= _MOST_NAMED else f"{len(class_set)} categories"


def percent(share: float | None, decimals: int = 1) -> str:
    r"""Return a share as a percentage.

    >>> percent(0.9149), percent(None)
    ('91.5\xa0%', '–')
    """
    if share is None or not isfinite(share):
        return "–"
    return f"{share * 100:.{decimals}f}\N{NO-BREAK SPACE}%"


def number(value: float | None, decimals: int = 3) -> str:
    """Return a figure with so many decimals.

    >>> number(0.12345), number(None)
    ('0.123', '–')
    """
    return "–" if value is None or not isfinite(value) else f"{value:.{decimals}f}"


def duration(seconds: float | None) -> str:
    """Return a time as people read it.

    >>> duration(3.21), duration(27.6), duration(4000), duration(None)
    ('3.2 s', '28 s', '66 min 40 s', '–')
    """
    if seconds is None:
        return "–"
    if seconds < 10:  # noqa: PLR2004 - below ten seconds the tenth tells something
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def setting(value: Any, name: str = "") -> str:
    """Return a training setting as people read it.

    >>> setting(None), setting(True), setting("one_cycle", "schedule"), setting(0.6, "augmentation")
    ('–', 'yes', 'one cycle', 'redrawn each epoch, strength 0.6')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "augmentation":
        return f"redrawn each epoch, strength {value:g}" if value else "no"
    if name == "schedule":
        return str(value).replace("_", " ")
    return f"{value:g}" if isinstance(value, float) else str(value)


def picture(bitmap: NDArray[np.uint8]) -> str:
    """Return a bitmap as a data URI: a PNG of black ink on nothing, which suits any ground."""
    # Commands that write no page do without.
    from PIL import Image  # noqa: PLC0415

    held = BytesIO()
    ink = np.stack((np.zeros_like(bitmap), bitmap), axis=-1)
    Image.fromarray(ink, "LA").save(held, format="PNG")
    return _data_uri(held.getvalue())


def ink(levels: NDArray[np.uint8]) -> str:
    """Return a picture of 16 levels of black ink on nothing as a data URI: half the bytes.

    Args:
        levels: `uint8 (height, width)`, 0 to 15.
    """
    from PIL import Image  # noqa: PLC0415 (as above)

    picture = Image.fromarray(levels, "P")
    picture.putpalette(bytes(3 * _LEVELS))
    held = BytesIO()
    alphas = bytes(range(0, 256, 255 // (_LEVELS - 1)))
    picture.save(held, format="PNG", bits=4, transparency=alphas, optimize=True)
    return _data_uri(held.getvalue())


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
