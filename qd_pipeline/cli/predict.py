"""`qd predict`: what the champion sees in one's own drawings."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from qd_pipeline.cli.options import ClassSetsOption, HomeOption, load
from qd_pipeline.errors import BadDrawing
from qd_pipeline.settings import Settings

if TYPE_CHECKING:
    from qd_pipeline.serving.model_cache import LoadedModel
    from qd_pipeline.serving.prediction import Predictor, Ranking


HALF: Final = 128
"""Grey level from which a pixel is ink where there is only black and white."""


@dataclass(frozen=True)
class _Answer:
    """What was found for one drawing of a file."""

    file: Path
    number: int
    ranking: "Ranking"


def predict(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Pictures (PNG, JPEG, WebP, SVG), or strokes as NDJSON, a drawing a line.",
            show_default=False,
        ),
    ],
    *,
    class_count: Annotated[
        str | None,
        typer.Option(help="Class set to choose from. (default: the largest with a classifier)"),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Categories to name for each drawing.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
    show: Annotated[bool, typer.Option(help="Show the bitmap that the network saw.")] = False,
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Say what one's own drawings show: photographed, painted, or as strokes.

    The champion in MLflow's registry is asked; where there is none, or MLflow does not answer,
    the newest classifier in the store.
    """
    settings = load(home=home, class_sets=class_sets)
    held = _held(settings, class_count)
    errors = Console(stderr=True)
    answers: list[_Answer] = []
    failed = False
    for file in files:
        try:
            answers += _answers(file, held.predictor)
        except BadDrawing as error:
            failed = True
            errors.print(f"[bold red]✗[/] {escape(str(error))}", highlight=False)
    if as_json:
        typer.echo(json.dumps([_as_json(held, each, top, show=show) for each in answers], indent=2))
    elif answers:
        _print(Console(), held, answers, top, show=show)
    if failed:
        raise typer.Exit(1)


def _held(settings: Settings, class_count: str | None) -> "LoadedModel":
    """Load the classifier asked for, or that of the largest class set that has one."""
    # It is slow to import, and the other commands should not wait for it.
    from qd_pipeline.serving.model_cache import ModelCache  # noqa: PLC0415

    shelf = ModelCache(settings)
    return shelf.get(class_count) if class_count else shelf.largest()


def _answers(file: Path, predictor: "Predictor") -> Iterator[_Answer]:
    from qd_pipeline.quickdraw.sketches.pictures import read_drawings  # noqa: PLC0415 (scikit-image)

    for number, ranking in enumerate(predictor.predict(read_drawings(file)), 1):
        yield _Answer(file, number, ranking)


def _as_json(held: "LoadedModel", answer: _Answer, top: int, *, show: bool) -> dict[str, Any]:
    ranking = answer.ranking
    chances = zip(ranking.categories[:top], ranking.probabilities, strict=False)
    return {
        "file": str(answer.file),
        "drawing": answer.number,
        "class_count": held.key,
        "classifier": held.origin,
        "categories": [
            {"category": category, "probability": chance} for category, chance in chances
        ],
        **({"bitmap": ranking.bitmap.tolist()} if show else {}),
    }


def _print(
    console: Console, held: "LoadedModel", answers: Sequence[_Answer], top: int, *, show: bool
) -> None:
    table = Table(title=f"Class set {held.key}: {held.origin}", title_justify="left")
    many = {each.file for each in answers if each.number > 1}
    table.add_column("drawing", overflow="fold")
    if show:
        table.add_column("as the network saw it")
    table.add_column("category")
    table.add_column("probability", justify="right")
    for answer in answers:
        name = f"{answer.file} ({answer.number})" if answer.file in many else str(answer.file)
        ranking = answer.ranking
        chances = ranking.probabilities[:top]
        seen = [_half_blocks(ranking.bitmap, coloured=bool(console.color_system))] if show else []
        table.add_row(
            Text(name),
            *seen,
            "\n".join(ranking.categories[:top]),
            "\n".join(f"{chance:.1%}" for chance in chances),
            end_section=True,
        )
    console.print(table)


def _half_blocks(bitmap: NDArray[np.uint8], *, coloured: bool) -> Text:
    """Return a bitmap as text, two rows of pixels in a line; without colours in black and white."""
    lines = []
    for upper, lower in zip(bitmap[::2], bitmap[1::2], strict=True):
        line = Text(no_wrap=True)
        for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
            if coloured:
                line.append("▀", f"rgb({above},{above},{above}) on rgb({below},{below},{below})")
            else:
                line.append(" ▄▀█"[2 * (above >= HALF) + (below >= HALF)])
        lines.append(line)
    return Text("\n", no_wrap=True).join(lines)
