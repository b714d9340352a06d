"""`qd predict`: the champion's categories for a person's own drawings."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer
from rich.table import Table
from rich.text import Text

from qd_pipeline.cli.options import ClassSetsOption, HomeOption, load
from qd_pipeline.cli.terminal import Terminal, terminal
from qd_pipeline.errors import BadDrawing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qd_pipeline.quickdraw.sketches.sketch import Sketch
    from qd_pipeline.serving.model_cache import LoadedModel
    from qd_pipeline.serving.prediction import Predictor, Ranking
    from qd_pipeline.settings import Settings


BITMAP_WIDTH: Final = 28
"""Columns of a bitmap in the terminal."""

HALF: Final = 128
"""Grey level from which a pixel is ink where there is only black and white."""


@dataclass(frozen=True)
class _Answer:
    """Prediction for one drawing of a file."""

    file: Path
    sketch: "Sketch"
    ranking: "Ranking"


def predict(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Pictures (PNG, JPEG, WebP, GIF, SVG), or strokes as NDJSON, a drawing a line.",
            show_default=False,
        ),
    ],
    *,
    class_set: Annotated[
        str | None,
        typer.Option(help="Class set to choose from. (default: the largest with a classifier)"),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Categories to name for each drawing.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
    show: Annotated[
        bool, typer.Option("--show", help="Show the bitmap that the network saw.")
    ] = False,
    layout: Annotated[
        Literal["columns", "points"] | None,
        typer.Option(
            help="Layout of a stroke: columns, a row of x and one of y as in the dataset, or "
            "points, a list of x, y. (default: told by its shape)"
        ),
    ] = None,
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Name the category of your own drawings: photographed, painted, or as strokes.

    The champion in MLflow's registry predicts; where there is none, or MLflow does not answer,
    the newest classifier in the store. Where something was left out or guessed to find a drawing,
    a warning says so, and the bitmap that the network saw is shown.
    """
    settings = load(home=home, class_sets=class_sets)
    errors = Terminal(stderr=True)
    # What cannot be read is told before the classifier is loaded, which takes seconds.
    sketches, failed = _read(files, layout)
    for each in failed:
        errors.fail(str(each))
    if not sketches:
        if as_json:
            typer.echo("[]")
        raise typer.Exit(1)
    loaded = load_classifier(settings, class_set, errors)
    answers = _answers(sketches, loaded.predictor)
    for answer in answers:
        for warning in answer.sketch.warnings:
            errors.warn(f"{answer.file}: {warning}; see the bitmap that the network saw.")
    if as_json:
        typer.echo(
            json.dumps([_as_json(loaded, each, top, show=show) for each in answers], indent=2)
        )
    else:
        _print(terminal(), loaded, answers, top, show=show)
    if failed:
        raise typer.Exit(1)


def load_classifier(
    settings: "Settings", class_set: str | None, console: Terminal
) -> "LoadedModel":
    """Load the classifier asked for, or that of the largest class set that has one.

    Args:
        settings: Data directory, MLflow's store and class sets.
        class_set: Key of a class set.
        console: Where a terminal shows that one has to wait.
    """
    with console.status("Loading the classifier …"):
        # It is slow to import, and the other commands should not wait for it.
        from qd_pipeline.serving.model_cache import ModelCache  # noqa: PLC0415

        models = ModelCache(settings)
        return models.get(class_set) if class_set else models.largest()


def _read(
    files: Sequence[Path], layout: Literal["columns", "points"] | None
) -> tuple[list[tuple[Path, "Sketch"]], list[BadDrawing]]:
    """Read the drawings of files, and return errors for files and lines that hold none."""
    # It imports scikit-image.
    from qd_pipeline.quickdraw.sketches.files import read_sketches  # noqa: PLC0415

    sketches: list[tuple[Path, Sketch]] = []
    failed: list[BadDrawing] = []
    for file in files:
        try:
            found, bad_lines = read_sketches(file, layout=layout)
        except BadDrawing as error:
            found, bad_lines = [], [error]
        sketches += [(file, sketch) for sketch in found]
        failed += bad_lines
    return sketches, failed


def _answers(sketches: Sequence[tuple[Path, "Sketch"]], predictor: "Predictor") -> list[_Answer]:
    rankings = predictor.predict([sketch for _, sketch in sketches])
    return [_Answer(*read, ranking) for read, ranking in zip(sketches, rankings, strict=True)]


def _as_json(loaded: "LoadedModel", answer: _Answer, top: int, *, show: bool) -> dict[str, Any]:
    ranking = answer.ranking
    chances = zip(ranking.categories[:top], ranking.probabilities, strict=False)
    return {
        "file": str(answer.file),
        "drawing": answer.sketch.number,
        "class_set": loaded.key,
        "classifier": loaded.origin,
        "synthetic": loaded.synthetic,
        "categories": [
            {"category": category, "probability": chance} for category, chance in chances
        ],
        **({"warnings": list(answer.sketch.warnings)} if answer.sketch.warnings else {}),
        **({"bitmap": ranking.bitmap.tolist()} if show or answer.sketch.warnings else {}),
    }


def _print(
    console: Terminal, loaded: "LoadedModel", answers: Sequence[_Answer], top: int, *, show: bool
) -> None:
    table = Table()
    many = {each.file for each in answers if each.sketch.number > 1}
    shown = [show or bool(each.sketch.warnings) for each in answers]
    table.add_column("drawing", overflow="fold")
    if any(shown):
        table.add_column("as the network saw it", min_width=BITMAP_WIDTH, no_wrap=True)
    table.add_column("category", no_wrap=True)
    table.add_column("probability", justify="right", no_wrap=True)
    for answer, with_bitmap in zip(answers, shown, strict=True):
        name = (
            f"{answer.file} ({answer.sketch.number})" if answer.file in many else str(answer.file)
        )
        ranking = answer.ranking
        chances = ranking.probabilities[:top]
        bitmap = _half_blocks(ranking.bitmap, coloured=bool(console.color_system))
        seen = [bitmap if with_bitmap else Text()] if any(shown) else []
        table.add_row(
            Text(name),
            *seen,
            "\n".join(ranking.categories[:top]),
            "\n".join(f"{chance * 100:.1f} %" for chance in chances),
            end_section=True,
        )
    console.print(loaded.title, markup=False)
    console.print(table)


def _half_blocks(bitmap: "NDArray[np.uint8]", *, coloured: bool) -> Text:
    """Convert a bitmap to text, two rows of pixels a line, in black and white without colours."""
    lines = []
    rows = bitmap.tolist()
    rows += [[0] * len(rows)] * (len(rows) % 2)
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        line = Text(no_wrap=True)
        for above, below in zip(upper, lower, strict=True):
            if coloured:
                line.append("▀", f"rgb({above},{above},{above}) on rgb({below},{below},{below})")
            else:
                line.append(" ▄▀█"[2 * (above >= HALF) + (below >= HALF)])
        lines.append(line)
    return Text("\n", no_wrap=True).join(lines)
