"""Lines of a benchmark's table: what was measured, and the bars that it is held against."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

from qd_pipeline.settings import Settings


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        what: What is measured, against what.
        values: By round.
        required: The bar; None where the figure is only told.
        aim: What is hoped for.
        at_most: Whether less is better.
        note: What one should know to read it.
    """

    what: str
    values: tuple[float, ...]
    required: float | None = None
    aim: float | None = None
    at_most: bool = False
    note: str = ""

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return median(self.values)

    @property
    def verdict(self) -> str:
        """Which of the bars is met."""
        for name, bar in (("aim", self.aim), ("met", self.required)):
            if bar is not None and (self.value <= bar if self.at_most else self.value >= bar):
                return name
        return "missed" if self.required is not None else ""

    def to_json(self) -> dict[str, Any]:
        """Return the line by name."""
        return {**asdict(self), "value": self.value, "verdict": self.verdict}


def table(rows: Sequence[Row], title: str) -> Table:
    """Lay the lines out."""
    laid = Table(title=title, title_justify="left")
    for heading in ("what", "measured", "rounds", "range", "required", "aim", "verdict", "note"):
        words = heading in {"what", "note"}
        laid.add_column(heading, justify="left" if words else "right", no_wrap=not words)
    for row in rows:
        sign = "≤" if row.at_most else "≥"
        bars = ("" if bar is None else f"{sign} {bar:g}" for bar in (row.required, row.aim))
        spread = f"{min(row.values):.3g} – {max(row.values):.3g}" if len(row.values) > 1 else ""
        rounds = str(len(row.values))
        laid.add_row(row.what, f"{row.value:.3g}", rounds, spread, *bars, row.verdict, row.note)
    return laid


def write(name: str, rows: Sequence[Row], facts: Mapping[str, Any]) -> Path:
    """Write the lines and what else is known into the home, as `bench/<name>.json`."""
    settings = Settings.load()
    settings.prepare_home()
    target = settings.home / "bench" / f"{name}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    figures = {**facts, "rows": [row.to_json() for row in rows]}
    target.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return target
