"""The evaluation as a page to read and as files to compute with."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow.parquet as pq
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from qd_pipeline.learning import charts
from qd_pipeline.learning.guesses import COUNTRY_DRAWINGS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from qd_pipeline.learning.classifier import Training
    from qd_pipeline.learning.evaluation import Evaluation
    from qd_pipeline.learning.guesses import Group
    from qd_pipeline.learning.promotion import Verdict

_PAIRS_SHOWN: Final = 15
_MATRIX_UP_TO: Final = 40


@dataclass(frozen=True)
class Report:
    """The files of one evaluation.

    Args:
        page: One self-contained HTML page.
        figures: The same figures, as JSON.
        predictions: The predictions of every test drawing, as Parquet.
    """

    page: Path
    figures: Path
    predictions: Path


def write(
    folder: Path,
    evaluation: Evaluation,
    training: Training,
    *,
    source: str,
    synthetic: bool,
    verdict: Verdict | None = None,
) -> Report:
    """Write `report.html`, `evaluation.json` and `predictions.parquet` into a folder.

    Args:
        folder: One that exists.
        evaluation: The figures.
        training: How the classifier came about.
        source: Where the drawings are from, as a user should read it.
        synthetic: Whether they were generated rather than drawn by people.
        verdict: Whether it becomes champion, where that was asked.
    """
    report = Report(
        folder / "report.html", folder / "evaluation.json", folder / "predictions.parquet"
    )
    page = html(evaluation, training, source=source, synthetic=synthetic, verdict=verdict)
    report.page.write_text(page, encoding="utf-8")
    shown = figures(evaluation, training, source=source, synthetic=synthetic, verdict=verdict)
    text = json.dumps(shown, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    report.figures.write_text(text, encoding="utf-8")
    pq.write_table(evaluation.predictions, report.predictions, compression="zstd")
    return report


def figures(
    evaluation: Evaluation,
    training: Training,
    *,
    source: str,
    synthetic: bool,
    verdict: Verdict | None = None,
) -> dict[str, Any]:
    """Give the figures that the page shows, as JSON takes them."""
    return {
        "source": source,
        "synthetic": synthetic,
        "training": training.to_json(),
        "evaluation": evaluation.to_json(),
        **({"promotion": verdict.to_json()} if verdict else {}),
    }


def html(
    evaluation: Evaluation,
    training: Training,
    *,
    source: str,
    synthetic: bool,
    verdict: Verdict | None = None,
) -> str:
    """Give the page: one HTML text that needs nothing from elsewhere.

    Args:
        evaluation: The figures.
        training: How the classifier came about.
        source: Where the drawings are from.
        synthetic: Whether they were generated; the page then says so first.
        verdict: Whether it becomes champion, where that was asked.
    """
    environment = Environment(
        loader=PackageLoader("qd_pipeline.learning", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, picture=picture, duration=duration)
    return environment.get_template("report.html.j2").render(
        evaluation=evaluation,
        training=training,
        source=source,
        synthetic=synthetic,
        verdict=verdict,
        curves=[charts.learning_curve(training.history, each) for each in ("accuracy", "loss")],
        reliability=charts.reliability(evaluation.calibration),
        show_matrix=len(evaluation.class_set) <= _MATRIX_UP_TO,
        guesses=_guesses(evaluation),
    )


@dataclass(frozen=True)
class Guess:
    """One of the guesses as the page shows it: intervals on an axis from `low` to 1."""

    title: str
    lead: str
    groups: tuple[Group, ...]
    low: float

    def place(self, share: float) -> float:
        """Place a share on the axis, in per cent of its width."""
        return round(100 * (share - self.low) / (1 - self.low), 2)


def _guesses(evaluation: Evaluation) -> tuple[Guess, ...]:
    pairs = evaluation.species
    species = "Two categories at a time: how often is the right one of the two more probable?"
    if len(pairs) > _PAIRS_SHOWN:
        species += f" The {_PAIRS_SHOWN} hardest of {len(pairs)} pairs."
    culture = f"By country of at least {COUNTRY_DRAWINGS} test drawings, the largest first."
    if not evaluation.culture:
        culture = f"No country has {COUNTRY_DRAWINGS} test drawings here."
    return (
        _guess("Quality", "Did the game itself guess the drawing?", evaluation.quality),
        _guess("Species", species, pairs[:_PAIRS_SHOWN]),
        _guess("Culture", culture, evaluation.culture),
        _guess("Strokes", "By the number of strokes.", evaluation.strokes),
    )


def _guess(title: str, lead: str, groups: Sequence[Group]) -> Guess:
    shown = tuple(group for group in groups if group.correct.count)
    lowest = min((group.correct.interval[0] for group in shown), default=0.0)
    return Guess(title, lead, shown, math.floor(min(lowest, 0.9) * 10) / 10)


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
    """Give a bitmap as a data URI: a PNG of black ink on nothing, which suits any ground."""
    held = BytesIO()
    ink = np.stack((np.zeros_like(bitmap), bitmap), axis=-1)
    Image.fromarray(ink, "LA").save(held, format="PNG")
    return "data:image/png;base64," + base64.b64encode(held.getvalue()).decode()
